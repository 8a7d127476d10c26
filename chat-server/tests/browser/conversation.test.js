// Two people sign up, meet in a room, and see each other write, type, come and go.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEADLINE_MS, composer, eventually, messageWith, needsServer, network, newPerson, openBrowser, post, say, signUpByForm, unique } from './support.js';

describe('a conversation', needsServer, () => {
  let browser;
  let ann;
  let ben;

  before(async () => {
    browser = await openBrowser();
    [ann, ben] = await Promise.all([
      signUpByForm(browser, { name: 'ann', displayName: 'Ann Ärmel' }),
      signUpByForm(browser, { name: 'ben', displayName: 'Ben 💪' }),
    ]);
    for (const { page } of [ann, ben]) {
      await page.getByRole('button', { name: /general/ }).click();
      await composer(page).waitFor();
    }
  });

  after(() => browser?.close());

  it('shows each the messages of the other, and neither twice', async () => {
    const [hello, answer] = [unique('hello'), unique('answer')];
    await say(ann.page, hello);
    await messageWith(ben.page, hello).waitFor();
    await say(ben.page, answer);
    await messageWith(ann.page, answer).waitFor();
    for (const { page } of [ann, ben]) {
      await eventually(() => page.locator('.message.pending').count(), 0);
      assert.equal(await messageWith(page, hello).count(), 1);
      assert.equal(await messageWith(page, answer).count(), 1);
    }
    assert.match(await messageWith(ben.page, hello).getAttribute('class'), /others/);
    assert.match(await messageWith(ann.page, hello).getAttribute('class'), /own/);
  });

  it('keeps the last message in sight', async () => {
    for (let number = 0; number < 15; number += 1) await say(ann.page, `${unique('line')}\nsecond line`);
    const last = unique('last');
    await say(ann.page, last);
    await messageWith(ben.page, last).waitFor();
    for (const { page } of [ann, ben]) await eventually(() => messageWith(page, last).evaluate(isInSight), true);
  });

  it('says who is typing until they send or stop', async () => {
    const line = ben.page.locator('.typing-line');
    await composer(ann.page).pressSequentially('so');
    await eventually(() => line.textContent(), 'Ann Ärmel is typing');
    await composer(ann.page).press('Enter');
    await eventually(() => line.textContent(), '');
  });

  it('lists who is online, with the user name beside the display name', async () => {
    const entry = ben.page.locator(`.people.online [data-username="${ann.username}"]`);
    await entry.waitFor();
    assert.match(await entry.textContent(), new RegExp(`Ann Ärmel.*@${ann.username}`));
  });

  it('breaks the line on Shift+Enter and sends nothing blank', async () => {
    const tag = unique('two-lines');
    await composer(ann.page).fill(`${tag} a`);
    await composer(ann.page).press('Shift+Enter');
    await composer(ann.page).pressSequentially('b');
    await composer(ann.page).press('Enter');
    await messageWith(ben.page, tag).waitFor();
    assert.equal(await messageWith(ben.page, tag).locator('.body').textContent(), `${tag} a\nb`);
    await composer(ann.page).fill('  \n ');
    await composer(ann.page).press('Enter');
    assert.equal(await ann.page.locator('.message.pending').count(), 0);
  });

  it('takes an Enter that ends a composition for no wish to send', async () => {
    const tag = unique('composed');
    await composer(ann.page).fill(tag);
    await composer(ann.page).evaluate((box) => {
      box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }));
    });
    assert.equal(await composer(ann.page).inputValue(), tag);
    await composer(ann.page).fill('');
  });

  it('counts bytes near the limit, and does not send beyond it', async () => {
    const { page } = ann;
    await composer(page).fill('ä'.repeat(4000));
    await page.getByText('8000 of 8192 bytes').waitFor();
    await composer(page).fill('ä'.repeat(4097));
    await page.getByText('8194 of 8192 bytes: too long').waitFor();
    await composer(page).press('Enter');
    assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
    assert.equal(await page.locator('.message.pending').count(), 0);
    await composer(page).fill('');
  });

  it('counts what is unread in a room that is not open, until it is read', async () => {
    const { page } = ben;
    await page.getByRole('button', { name: /nutrition/ }).click();
    await composer(page).waitFor();
    await say(ann.page, unique('unread'));
    await say(ann.page, unique('unread'));
    const room = page.locator('[data-room="general"]');
    await eventually(() => room.locator('.unread').textContent(), '2 unread');
    await room.click();
    await page.getByText('New messages').first().waitFor();
    await eventually(() => room.locator('.unread').isVisible(), false);
  });

  it('keeps a draft with its room', async () => {
    const { page } = ben;
    await composer(page).fill('not sent yet');
    await page.getByRole('button', { name: /nutrition/ }).click();
    await eventually(() => composer(page).inputValue(), '');
    await page.getByRole('button', { name: /general/ }).click();
    await eventually(() => composer(page).inputValue(), 'not sent yet');
    await composer(page).fill('');
  });

  it('shows a message that the server refuses for good as failed, and lets it be deleted', async () => {
    const carl = await newPerson(browser, { name: 'carl', room: 'general' });
    await carl.page.evaluate(() => {
      const send = WebSocket.prototype.send;
      WebSocket.prototype.send = function (data) {
        send.call(this, data.replace('"room":"general","body"', '"room":"no-such-room","body"'));
      };
    });
    const text = unique('refused');
    await say(carl.page, text);
    await messageWith(carl.page, text).getByRole('button', { name: 'Retry' }).waitFor();
    await messageWith(carl.page, text).getByRole('button', { name: 'Delete' }).click();
    await eventually(() => messageWith(carl.page, text).count(), 0);
    await carl.context.close();
  });

  it('leads to the sign-in page when the session ends elsewhere, and keeps the draft', async () => {
    const dora = await signUpByForm(browser, { name: 'dora', displayName: 'Dora' });
    const { page, context } = dora;
    await page.getByRole('button', { name: /general/ }).click();
    await composer(page).fill('half a thought');
    await post(context, 'logout', {});
    await page.waitForURL('**/login?closed=45*');
    await page.getByText(/what you had not sent is kept/i).waitFor();
    const form = page.locator('#sign-in');
    await form.getByLabel('User name').fill(dora.username);
    await form.getByLabel('Password').fill(dora.password);
    await form.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL('**/chat#general');
    await eventually(() => composer(page).inputValue(), 'half a thought');
    await context.close();
  });

  it('leads to the sign-in page on signing out, keeps nothing that was written, and tells the others', async () => {
    await composer(ann.page).fill('half a thought');
    const tab = await ann.context.newPage();
    await tab.goto('/chat#nutrition');
    await network.refuseNext({ page: tab }, 'send_message', { code: 'forbidden', message: 'not now' });
    await say(tab, 'a thought too many');
    await messageWith(tab, 'a thought too many').getByRole('button', { name: 'Retry' }).waitFor();
    await composer(tab).fill('half a thought more');
    await ann.page.getByRole('button', { name: 'Sign out' }).click();
    await ann.page.getByText('One message is not sent yet').waitFor();
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    for (const page of [ann.page, tab]) await page.waitForURL('**/login*');
    const kept = await ann.page.evaluate(() => JSON.stringify(Object.entries(localStorage)));
    assert.ok(!/half a thought|a thought too many/.test(kept), kept);
    await tab.close();
    await ben.page.locator(`.people.offline [data-username="${ann.username}"]`).waitFor({ timeout: 2 * DEADLINE_MS });
  });

  it('signs in again and says what is wrong with a wrong password', async () => {
    const form = ann.page.locator('#sign-in');
    await form.getByLabel('User name').fill(ann.username);
    await form.getByLabel('Password').fill('something else');
    await form.getByRole('button', { name: 'Sign in' }).click();
    await eventually(async () => (await form.getByRole('alert').textContent()) !== '', true);
    assert.equal(await form.getByLabel('User name').inputValue(), ann.username);
    await form.getByLabel('Password').fill(ann.password);
    await form.getByRole('button', { name: 'Sign in' }).click();
    await ann.page.waitForURL('**/chat*');
    await ann.page.locator('[data-room="general"]').waitFor();
  });

  it('did all this without a surprise', () => {
    const expected = /status of 401/;
    assert.deepEqual([...ann.surprises, ...ben.surprises].filter((surprise) => !expected.test(surprise)), []);
  });
});

function isInSight(element) {
  const list = element.closest('.log').getBoundingClientRect();
  const { top, bottom } = element.getBoundingClientRect();
  return top >= list.top && bottom <= list.bottom + 1;
}
