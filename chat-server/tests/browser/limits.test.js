// Whoever goes too fast waits, loses nothing, and is told only where it helps.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEADLINE_MS, PASSWORD, bodiesWith, composer, eventually, messageWith, needsServer, network, newContext, newPerson, openBrowser, openRoom, post, say, unique, until } from './support.js';
import { OwnServer, needsOwnServer } from './own-server.js';

const limited = (what, retry_after_ms) => ({ code: 'rate_limited', message: `too many ${what}`, retry_after_ms });

describe('a request that came too soon', needsServer, () => {
  let browser;
  let ann;
  let ben;

  before(async () => {
    browser = await openBrowser();
    ann = await newPerson(browser, { name: 'ann', room: 'general' });
    ben = await newPerson(browser, { name: 'ben', room: 'general' });
  });

  after(() => browser?.close());

  it('is a message that stays in the outbox and goes after the delay, before what was written after it', async () => {
    const tag = unique('early');
    await network.refuseNext(ann, 'send_message', limited('messages', 1500));
    const begun = Date.now();
    await say(ann.page, `${tag} 1`);
    await say(ann.page, `${tag} 2`);
    await eventually(() => ann.page.locator('.message.pending').filter({ hasText: tag }).count(), 2);
    await eventually(() => bodiesWith(ben.page, tag), [`${tag} 1`, `${tag} 2`]);
    assert.ok(Date.now() - begun >= 1500);
    await eventually(() => ann.page.locator('.message.pending, .message.failed').count(), 0);
  });

  it('is a join that is made later; what is written meanwhile is sent then', async () => {
    const carl = await newPerson(browser, { name: 'carl' });
    const { page } = carl;
    await page.goto('/chat');
    await page.locator('[data-room="nutrition"]').waitFor();
    await network.refuseNext(carl, 'join_room', limited('joins', 1500));
    await page.locator('[data-room="nutrition"]').click();
    const text = unique('before-the-join');
    await say(page, text);
    await messageWith(page, text).and(page.locator('.pending')).waitFor();
    await eventually(() => page.locator('.pending, .failed').count(), 0);
    await messageWith(page, text).waitFor();
    await page.locator(`.people.online [data-username="${carl.username}"]`).waitFor();
    await carl.context.close();
  });

  it('is a join after a lost connection, and the room resumes later', async () => {
    const tag = unique('late-resume');
    await network.refuseNext(ann, 'join_room', limited('joins', 1000));
    await network.close(ann, 4000);
    await say(ben.page, tag);
    await eventually(() => bodiesWith(ann.page, tag), [tag]);
  });

  it('is a page of history that comes by itself', async () => {
    for (let number = 0; number < 55; number += 1) await say(ben.page, `${unique('page')}\n${'line\n'.repeat(20)}end`);
    await eventually(() => ben.page.locator('.message.pending').count(), 0);
    const eva = await newPerson(browser, { name: 'eva', room: 'general' });
    const log = eva.page.locator('.log');
    const first = () => eva.page.locator('.message').first().getAttribute('data-message-id').then(Number);
    const before = await first();
    await network.refuseNext(eva, 'get_history', limited('requests', 700));
    await log.evaluate((element) => {
      element.scrollTop = 0;
    });
    await until(async () => (await first()) < before);
    await eva.context.close();
  });

  it('is a leave that is made later', async () => {
    const fred = await newPerson(browser, { name: 'fred', room: 'general' });
    await network.refuseNext(fred, 'leave_room', limited('requests', 700));
    await fred.page.getByRole('button', { name: 'Leave room' }).click();
    await fred.page.getByText('You left this room.').waitFor();
    await fred.context.close();
  });

  it('is a sign of typing that nobody misses', async () => {
    await network.refuseNext(ann, 'typing_start', limited('signs of typing', 1000));
    await composer(ann.page).pressSequentially('so');
    const text = unique('typed');
    await composer(ann.page).fill(text);
    await composer(ann.page).press('Enter');
    await messageWith(ben.page, text).waitFor();
    await ann.page.locator('.banner').waitFor({ state: 'hidden' });
    assert.equal(await ann.page.locator('.problem').filter({ hasText: /./ }).count(), 0);
  });

  it('surprises nobody', () => {
    assert.deepEqual([...ann.surprises, ...ben.surprises], []);
  });
});

describe('a server with tight limits', needsOwnServer, () => {
  let browser;
  let server;
  let context;

  before(async () => {
    const limits = { CHAT_LIMIT_MESSAGES_PER_SECOND: '1', CHAT_LIMIT_LOGINS_PER_MINUTE: '4' };
    [browser, server] = await Promise.all([openBrowser(), OwnServer.start(limits)]);
    context = { baseURL: server.url };
  });

  after(async () => {
    await browser?.close();
    await server?.remove();
  });

  it('gets all messages of somebody who writes too fast, once and in order', async () => {
    const ann = await newPerson(browser, { name: 'ann', context });
    const ben = await newPerson(browser, { name: 'ben', room: 'general', context });
    const frames = [];
    ann.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(String(payload))));
    await openRoom(ann.page, 'general');
    const tag = unique('fast');
    const texts = Array.from({ length: 6 }, (_, index) => `${tag} ${index + 1}`);
    for (const text of texts) await say(ann.page, text);
    await eventually(() => bodiesWith(ben.page, tag), texts, 3 * DEADLINE_MS);
    await eventually(() => bodiesWith(ann.page, tag), texts);
    await eventually(() => ann.page.locator('.message.pending, .message.failed').count(), 0);
    assert.ok(frames.some((frame) => frame.includes('rate_limited')), 'the limit was never reached');
    assert.deepEqual([...ann.surprises, ...ben.surprises], []);
  });

  it('says at the sign-in form how long to wait', async () => {
    const own = await newContext(browser, context);
    const page = await own.newPage();
    await page.goto('/login');
    const form = page.locator('#sign-in');
    const error = form.getByRole('alert');
    await until(async () => {
      await form.getByLabel('User name').fill('nobody');
      await form.getByLabel('Password').fill(PASSWORD);
      await form.getByRole('button', { name: 'Sign in' }).click();
      await eventually(() => error.textContent().then((text) => text !== ''), true);
      return /try again in \d+ s/.test(await error.textContent());
    });
    assert.match(await error.textContent(), /too many sign-ins/);
    assert.equal(await form.getByLabel('User name').inputValue(), 'nobody');
    assert.equal(await form.getByRole('button', { name: 'Sign in' }).isEnabled(), true);
    await own.close();
  });

  it('makes the account of somebody who may not sign in yet, and says so where they can', async () => {
    const own = await newContext(browser, context);
    const page = await own.newPage();
    const username = unique('gina');
    await page.goto('/login#sign-up');
    const signUp = page.locator('#sign-up');
    await signUp.getByLabel('User name').fill(username);
    await signUp.getByLabel('Password').fill(PASSWORD);
    await signUp.getByRole('button', { name: 'Create account' }).click();
    const signIn = page.locator('#sign-in');
    await signIn.getByRole('alert').getByText(/The account is made.*try again in \d+ s/).waitFor();
    assert.equal(await signIn.getByLabel('User name').inputValue(), username);
    await post(own, 'login', { username, password: PASSWORD, cookie: true });
    await page.goto('/chat');
    await page.locator('[data-room="general"]').waitFor();
    await own.close();
  });
});
