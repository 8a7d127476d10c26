// Leaving a room, and what stays when a room is gone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { composer, eventually, messageWith, needsServer, network, newPerson, openBrowser, openRoom, say, unique } from './support.js';
import { needsCli, runCli } from './own-server.js';

const PHONE = { viewport: { width: 360, height: 800 }, hasTouch: true };

describe('leaving a room', needsServer, () => {
  let browser;

  before(async () => {
    browser = await openBrowser();
  });

  after(() => browser?.close());

  it('leads on a phone from the list of members to what is said instead of the messages, with the focus', async () => {
    const { page, context, surprises } = await newPerson(browser, { name: 'ann', room: 'general', context: PHONE });
    await page.getByRole('button', { name: 'Members', exact: true }).click();
    await page.getByRole('button', { name: 'Leave room' }).click();
    await page.getByText('You left this room.').waitFor();
    assert.equal(await page.evaluate(focused), 'You left this room.');
    assert.equal(await page.getByRole('button', { name: 'Members', exact: true }).isVisible(), false);
    await page.getByRole('button', { name: 'Back to the rooms' }).click();
    await page.locator('[data-room="general"]').waitFor();
    assert.deepEqual(surprises, []);
    await context.close();
  });

  it('is noticed when it happened on another device while the page was offline', async () => {
    const dora = await newPerson(browser, { name: 'dora', room: 'general' });
    const { page, context } = dora;
    const phone = await context.newPage();
    await openRoom(phone, 'general');
    const text = unique('before');
    await say(page, text);
    await messageWith(page, text).and(page.locator('[data-message-id]')).waitFor();
    await page.evaluate(() => globalThis.testNetwork.cut());
    await page.locator('.banner').waitFor();
    await phone.getByRole('button', { name: 'Leave room' }).click();
    await phone.getByText('You left this room.').waitFor();
    await page.evaluate(() => globalThis.testNetwork.heal());
    await page.getByText('You are no longer in this room.').waitFor();
    assert.equal(await messageWith(page, text).count(), 0);
    assert.equal(await composer(page).isVisible(), false);
    await page.locator('[data-room="general"]').click();
    await messageWith(page, text).waitFor();
    await context.close();
  });

  it('says so when it fails', async () => {
    const ben = await newPerson(browser, { name: 'ben', room: 'general' });
    await network.refuseNext(ben, 'leave_room', { code: 'internal', message: 'something went wrong' });
    await ben.page.getByRole('button', { name: 'Leave room' }).click();
    await ben.page.getByRole('alert').filter({ hasText: 'Leaving failed: something went wrong' }).waitFor();
    await ben.context.close();
  });
});

describe('a room that is gone', { ...needsServer, ...needsCli }, () => {
  let browser;

  before(async () => {
    browser = await openBrowser();
  });

  after(() => browser?.close());

  it('keeps what was not sent to it in reach', async () => {
    const room = unique('short-lived');
    assert.equal((await runCli(['room', 'add', room])).code, 0);
    const carl = await newPerson(browser, { name: 'carl', room });
    const { page } = carl;
    const [read, text] = [unique('read'), unique('too-late')];
    await say(page, read);
    await messageWith(page, read).and(page.locator('[data-message-id]')).waitFor();
    await network.cut(carl);
    await say(page, text);
    assert.equal((await runCli(['room', 'archive', room])).code, 0);
    await network.heal(carl);
    for (let visit = 0; visit < 2; visit += 1) {
      const entry = messageWith(page, text);
      await entry.getByRole('alert').waitFor();
      await entry.getByRole('button', { name: 'Retry' }).waitFor();
      await eventually(() => composer(page).isVisible(), false);
      // Whoever is in no room may not read in it either.
      await eventually(() => messageWith(page, read).count(), 0);
      await page.reload();
      await page.locator(`[data-room="${room}"]`).click();
    }
    await messageWith(page, text).getByRole('button', { name: 'Delete' }).click();
    await eventually(() => messageWith(page, text).count(), 0);
    await eventually(() => page.locator(`[data-room="${room}"]`).count(), 0);
    await carl.context.close();
  });
});

/** Runs in the page: the text of what has the focus. */
function focused() {
  return document.querySelector('fitness-chat').shadowRoot.activeElement?.textContent;
}
