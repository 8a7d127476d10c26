// What a person sees when the server closes the connection: the page comes back and resumes, or says why it does not.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEADLINE_MS, bodiesWith, eventually, messageWith, needsServer, network, newPerson, openBrowser, openRoom, post, say, unique } from './support.js';
import { OwnServer, needsCli, needsOwnServer } from './own-server.js';

const COME_BACK = [1001, 1011, 1012, 1013, 4000, 4001, 4499];
const STAY_AWAY = {
  1002: /did not understand this page/,
  1003: /did not understand this page/,
  1007: /did not understand this page/,
  1008: /does not allow this connection/,
  1009: /too much was sent at once/,
  4504: /opened in too many other places/,
  4505: /ended this connection for good/,
  4999: /ended this connection for good/,
};
const SIGN_IN = {
  4500: /You were signed out/,
  4501: /Your session has expired/,
  4502: /This account is disabled/,
  4503: /Signing in took too long/,
};

describe('a closed connection', needsServer, () => {
  let browser;
  let ann;
  let ben;

  before(async () => {
    browser = await openBrowser();
    ann = await newPerson(browser, { name: 'ann' });
    // Each close soon after the last doubles the wait, of which chance takes a part: here a small one.
    await ann.page.addInitScript(() => {
      Math.random = () => 0.02;
    });
    await openRoom(ann.page, 'general');
    ben = await newPerson(browser, { name: 'ben', room: 'general' });
  });

  after(() => browser?.close());

  for (const code of COME_BACK) {
    it(`with ${code} comes back and brings what was missed, once and in order`, async () => {
      const tag = unique(`after-${code}`);
      await say(ann.page, `${tag} 1`);
      await messageWith(ben.page, `${tag} 1`).waitFor();
      const dials = await network.dials(ann);
      await network.close(ann, code);
      await say(ben.page, `${tag} 2`);
      await say(ben.page, `${tag} 3`);
      await eventually(() => bodiesWith(ann.page, tag), [`${tag} 1`, `${tag} 2`, `${tag} 3`], 3 * DEADLINE_MS);
      assert.equal(await network.dials(ann), dials + 1);
    });
  }

  for (const [code, text] of Object.entries(STAY_AWAY)) {
    it(`with ${code} stays closed, says why, and opens again on request`, async () => {
      const { page } = ann;
      const dials = await network.dials(ann);
      await network.close(ann, Number(code));
      const banner = page.locator('.banner');
      await banner.getByText(text).waitFor();
      assert.match(await banner.textContent(), new RegExp(`code ${code}`));
      await page.evaluate(() => dispatchEvent(new Event('online')));
      const unsent = unique(`while-${code}`);
      await say(page, unsent);
      await messageWith(page, unsent).and(page.locator('.pending')).waitFor();
      assert.equal(await network.dials(ann), dials);
      await banner.getByRole('button', { name: 'Connect again' }).click();
      await messageWith(ben.page, unsent).waitFor();
      await banner.waitFor({ state: 'hidden' });
    });
  }

  for (const [code, text] of Object.entries(SIGN_IN)) {
    it(`with ${code} leads to the sign-in page, which says why`, async () => {
      const { page } = ann;
      await network.close(ann, Number(code));
      await page.waitForURL(`**/login?closed=${code}#general`);
      await page.getByRole('status').getByText(text).waitFor();
      await page.goto('/chat#general');
      await page.locator('.message').first().waitFor();
    });
  }

  for (const [code, what] of [[4501, 'a session that ended'], [4503, 'a session whose cookie is gone']]) {
    it(`cannot be made again with ${what} meanwhile, which leads to the sign-in page`, async () => {
      const dora = await newPerson(browser, { name: 'dora', room: 'general' });
      await network.cut(dora);
      await dora.page.locator('.banner').waitFor();
      const cookies = await dora.context.cookies();
      await post(dora.context, 'logout', {});
      if (code === 4501) await dora.context.addCookies(cookies);
      await network.heal(dora);
      await dora.page.waitForURL(`**/login?closed=${code}#general`, { timeout: 3 * DEADLINE_MS });
      await dora.context.close();
    });
  }

  it('surprises nobody', () => {
    assert.deepEqual([...ann.surprises, ...ben.surprises], []);
  });
});

describe('a server with few connections per person', needsOwnServer, () => {
  let browser;
  let server;

  before(async () => {
    [browser, server] = await Promise.all([openBrowser(), OwnServer.start({ CHAT_LIMIT_CONNECTIONS_PER_USER: '2' })]);
  });

  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it('closes the oldest page, which does not fight with the others', async () => {
    const ann = await newPerson(browser, { name: 'ann', room: 'general', context: { baseURL: server.url } });
    const pages = [ann.page];
    for (let more = 0; more < 2; more += 1) {
      const page = await ann.context.newPage();
      await page.goto('/chat#general');
      await page.locator('.message, .note').first().waitFor();
      pages.push(page);
    }
    await ann.page.locator('.banner').getByText(/opened in too many other places/).waitFor();
    const tag = unique('third');
    await say(pages[2], tag);
    await messageWith(pages[1], tag).waitFor();
    assert.equal(await messageWith(ann.page, tag).count(), 0);
    assert.equal(await network.dials(ann), 1);

    await ann.page.getByRole('button', { name: 'Connect again' }).click();
    await messageWith(ann.page, tag).waitFor();
    await pages[1].locator('.banner').getByText(/opened in too many other places/).waitFor();
    await ann.context.close();
  });

  it('that goes away and returns finds its pages again, and they miss nothing', async () => {
    const context = { baseURL: server.url };
    const ann = await newPerson(browser, { name: 'ann', room: 'nutrition', context });
    const ben = await newPerson(browser, { name: 'ben', room: 'nutrition', context });
    const tag = unique('restart');
    await say(ann.page, `${tag} 1`);
    await messageWith(ben.page, `${tag} 1`).waitFor();
    await server.end();
    await ann.page.locator('.banner').getByText(/No connection/).waitFor();
    await say(ann.page, `${tag} 2`);
    await server.again();
    const expected = [`${tag} 1`, `${tag} 2`];
    for (const { page } of [ann, ben]) await eventually(() => bodiesWith(page, tag), expected, 4 * DEADLINE_MS);
    await eventually(() => ann.page.locator('.message.pending').count(), 0);
    assert.deepEqual([...ann.surprises, ...ben.surprises], []);
  });

  it('shuts a person out when its operator says so', needsCli, async () => {
    const ann = await newPerson(browser, { name: 'ann', room: 'general', context: { baseURL: server.url } });
    assert.equal((await server.cli('user', 'disable', ann.username)).code, 0);
    await ann.page.waitForURL('**/login?closed=4502#general');
    await ann.page.getByText('This account is disabled.').waitFor();
  });
});
