// A lost network loses nothing, doubles nothing and keeps the order, on both sides.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEADLINE_MS, bodiesWith, eventually, messageWith, needsServer, network, newPerson, openBrowser, say, unique, until } from './support.js';

describe('a lost network', needsServer, () => {
  let browser;
  let ann;
  let ben;

  before(async () => {
    browser = await openBrowser();
    ann = await newPerson(browser, { name: 'ann', room: 'general' });
    ben = await newPerson(browser, { name: 'ben', room: 'general' });
  });

  after(() => browser?.close());

  it('brings everything once and in one order when it is back', async () => {
    const tag = unique('gap');
    await say(ann.page, `${tag} before`);
    await messageWith(ben.page, `${tag} before`).waitFor();

    await network.cut(ann);
    await ann.page.locator('.banner').waitFor();
    for (const number of [1, 2, 3]) await say(ben.page, `${tag} from ben ${number}`);
    for (const number of [1, 2]) await say(ann.page, `${tag} from ann ${number}`);
    await eventually(() => ann.page.locator('.message.pending').filter({ hasText: tag }).count(), 2);
    await eventually(() => ben.page.locator('.message.pending').count(), 0);

    await network.heal(ann);
    const expected = ['before', 'from ben 1', 'from ben 2', 'from ben 3', 'from ann 1', 'from ann 2'].map((text) => `${tag} ${text}`);
    await eventually(() => bodiesWith(ann.page, tag), expected, 3 * DEADLINE_MS);
    await eventually(() => bodiesWith(ben.page, tag), expected);
    await eventually(() => ann.page.locator('.message.pending').count(), 0);
    await ann.page.locator('.banner').waitFor({ state: 'hidden' });
  });

  it('sends a message once although its answer never came', async () => {
    const tag = unique('unanswered');
    await network.cutAfterNextSend(ann);
    await say(ann.page, tag);
    await eventually(() => bodiesWith(ben.page, tag), [tag], 3 * DEADLINE_MS);
    await eventually(() => ann.page.locator('.message.pending').count(), 0, 3 * DEADLINE_MS);
    const end = unique('end');
    await say(ben.page, end);
    await messageWith(ann.page, end).waitFor();
    assert.deepEqual(await bodiesWith(ann.page, tag), [tag]);
    assert.deepEqual(await bodiesWith(ben.page, tag), [tag]);
  });

  it('keeps what was written meanwhile over a reload of the page', async () => {
    const tag = unique('reloaded');
    await network.cut(ann);
    await say(ann.page, `${tag} 1`);
    await say(ann.page, `${tag} 2`);
    await ann.context.setOffline(false);
    await ann.page.reload();
    const expected = [`${tag} 1`, `${tag} 2`];
    await eventually(() => bodiesWith(ben.page, tag), expected, 3 * DEADLINE_MS);
    await eventually(() => bodiesWith(ann.page, tag), expected);
    await eventually(() => ann.page.locator('.message.pending').count(), 0);
  });

  it('can be tried at once', async () => {
    await ann.page.evaluate(() => globalThis.testNetwork.cut());
    await ann.page.locator('.banner').waitFor();
    await until(() => ann.page.evaluate(() => {
      const buttons = [...document.querySelector('fitness-chat').shadowRoot.querySelectorAll('.banner:not([hidden]) button:not([hidden])')];
      const retry = buttons.find((button) => button.textContent === 'Retry now');
      if (!retry) return false;
      globalThis.testNetwork.heal();
      retry.click();
      return true;
    }));
    await ann.page.locator('.banner').waitFor({ state: 'hidden' });
    assert.deepEqual([...ann.surprises, ...ben.surprises], []);
  });
});
