// Whatever people write is text: in messages, links and errors, under the page's policy and without it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { BROKEN, CONTROL, HIDDEN, LINKS, LONG, PLAIN } from './payloads.js';
import { RawPeople } from './raw-people.js';
import { assertUntouched, openReaders, watch } from './readers.js';
import { eventually, messageWith, needsServer, network, newContext, newPerson, openBrowser, say, surprisesOf, tryPost, unique } from './support.js';

const ROOM = 'general';
/** What a room shows when it is opened. */
const LAST_PAGE = 50;
/** Of every kind some, where each takes its time. */
const EVERY_OTHER = PLAIN.filter((_, index) => index % 2 === 0);
/** What could be the name of a room that exists. */
const ROOM_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;

describe('markup from people', needsServer, () => {
  let browser;
  let readers;
  let people;
  let writer;

  before(async () => {
    browser = await openBrowser();
    readers = await openReaders(browser, ROOM);
    people = await RawPeople.open(browser);
    writer = await people.add('Writer');
    await people.ask(writer, { type: 'join_room', room: ROOM });
  });

  after(() => browser?.close());

  it('is shown as text in messages, live and as history', async () => {
    const texts = [...PLAIN, ...LONG, ...HIDDEN, ...BROKEN, ...LINKS.map(([text]) => text)];
    const expected = [];
    for (const text of texts) expected.push({ id: await people.say(writer, ROOM, text), text });
    for (const reader of readers) {
      await eventually(() => reader.page.evaluate(bodiesOf, expected.map(({ id }) => id)), expected);
      await assertUntouched(reader);
    }
    const last = expected.slice(-LAST_PAGE);
    for (const reader of readers) {
      await reader.page.reload();
      await eventually(() => reader.page.evaluate(bodiesOf, last.map(({ id }) => id)), last);
      await assertUntouched(reader);
    }
  });

  it('does not widen the page', async () => {
    for (const { page, screen } of readers) {
      const widths = await page.evaluate(() => {
        const log = document.querySelector('fitness-chat').shadowRoot.querySelector('.log');
        return [document.scrollingElement, log].map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);
      });
      assert.deepEqual(widths, [0, 0], screen);
    }
  });

  it('is shown as text to those who write it in the composer', async () => {
    const [, phone, other] = readers;
    const tag = unique('own');
    for (const text of PLAIN) await say(phone.page, `${tag} ${text}`);
    await eventually(() => phone.page.locator('.message.pending').count(), 0);
    const expected = PLAIN.map((text) => `${tag} ${text}`);
    for (const { page } of [phone, other]) {
      await eventually(() => messageWith(page, tag).locator('.body').allTextContents(), expected);
    }
    await assertUntouched(phone);
  });

  it('is refused with characters that no text has, by an error that does not repeat it', async () => {
    for (const [text, code] of CONTROL) {
      const error = await people.ask(writer, { type: 'send_message', room: ROOM, body: text, key: unique('key') });
      assert.deepEqual([error.type, error.code], ['error', code]);
      assert.doesNotMatch(error.message, /script|img|red/);
    }
  });

  it('becomes a link where it is an address, and nowhere else', async () => {
    for (const [text, links] of LINKS) {
      const id = await people.say(writer, ROOM, text);
      const expected = links.map((address) => [address, address, 'noopener noreferrer nofollow ugc', '_blank']);
      for (const { page } of readers) {
        const message = page.locator(`[data-message-id="${id}"]`);
        await message.waitFor();
        const found = await message.locator('a').evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.textContent, a.rel, a.target]));
        assert.deepEqual(found, expected, text);
      }
    }
  });

  it('is shown as text in errors of sending', async () => {
    const [, reader] = readers;
    for (const text of [...PLAIN, ...HIDDEN]) {
      await network.refuseNext(reader, 'send_message', { code: 'forbidden', message: text });
      const tag = unique('refused');
      await say(reader.page, tag);
      const row = messageWith(reader.page, tag);
      await eventually(() => row.locator('.problem').textContent(), `Not sent: ${text}`);
      await row.getByRole('button', { name: 'Delete' }).click();
    }
    await assertUntouched(reader);
  });

  it('is shown as text in errors of joining', async () => {
    const carl = await newPerson(browser, { name: 'carl', room: ROOM, prepare: watch });
    for (const text of EVERY_OTHER) {
      await network.refuseNext(carl, 'join_room', { code: 'forbidden', message: text });
      await carl.page.locator('[data-room="progress"]').click();
      await eventually(() => carl.page.locator('.empty-state').textContent(), text);
      await carl.page.locator(`[data-room="${ROOM}"]`).click();
    }
    await assertUntouched(carl);
    await carl.context.close();
  });

  it('is nothing in an address', async () => {
    const [reader] = readers;
    for (const text of PLAIN.filter((text) => !ROOM_NAME.test(text))) {
      for (const hash of [text, encodeURIComponent(text)]) {
        await reader.page.evaluate((hash) => (location.hash = hash), hash);
        await eventually(async () => /^(There is no such room|Choose a room)/.test(await reader.page.locator('.empty-state').textContent()), true);
      }
    }
    await assertUntouched(reader);
  });

  it('is text on the sign-in page: in its address, in what is typed, in what the server answers', async () => {
    const context = await newContext(browser, { viewport: { width: 360, height: 800 } });
    await watch(context);
    const page = await context.newPage();
    const surprises = surprisesOf(page);
    for (const text of PLAIN.filter((text, index) => index % 8 === 0 || /^\w+$/.test(text))) {
      await page.goto(`/login?closed=${encodeURIComponent(text)}#${encodeURIComponent(text)}`);
      assert.equal(await page.locator('#notice').isVisible(), false, text);
    }
    await page.route('**/api/v1/login', (route) => {
      const { password } = route.request().postDataJSON();
      return route.fulfill({ json: { code: 'rate_limited', message: password, retry_after_ms: 1500 }, status: 429 });
    });
    const signIn = page.locator('#sign-in');
    for (const text of EVERY_OTHER) {
      await signIn.getByLabel('User name').fill(text);
      await signIn.getByLabel('Password').fill(text);
      await signIn.getByRole('button', { name: 'Sign in' }).click();
      await eventually(() => signIn.getByRole('alert').textContent(), `${text} (try again in 2 s)`);
    }
    await page.getByRole('button', { name: 'Create an account' }).click();
    const signUp = page.locator('#sign-up');
    for (const text of [...PLAIN.slice(0, 5), ...HIDDEN]) {
      await signUp.getByLabel('User name').fill(unique('eve'));
      await signUp.getByLabel('Display name').fill(text + 'x'.repeat(64));
      await signUp.getByLabel('Password').fill(text.padEnd(8));
      await signUp.getByRole('button', { name: 'Create account' }).click();
      await eventually(async () => /^display name has /.test(await signUp.getByRole('alert').textContent()), true);
    }
    const isExpected = (surprise) => /the server responded with a status of 4(00|29)/.test(surprise);
    await assertUntouched({ page, context, surprises: surprises.filter((surprise) => !isExpected(surprise)) });
    await context.close();
  });

  it('is refused as a user name', async () => {
    for (const text of [...PLAIN, ...LONG, ...HIDDEN, ...BROKEN].filter((text) => !/^[a-z0-9][a-z0-9._-]{1,31}$/.test(text))) {
      const { status, value } = await tryPost(readers[0].context, 'register', { username: text, password: 'long enough' });
      assert.deepEqual([status, value.code], [400, 'invalid_name'], text);
      assert.match(value.message, /^user name has /);
    }
  });
});

/** Runs in the page: the bodies with these ids, as long as they hold nothing but text and links to what they show. */
function bodiesOf(ids) {
  const root = document.querySelector('fitness-chat').shadowRoot;
  return ids.flatMap((id) => {
    const body = root.querySelector(`[data-message-id="${id}"] .body`);
    if (!body) return [];
    const isText = (node) => node.nodeType === Node.TEXT_NODE;
    const isLink = (node) => node.localName === 'a' && node.getAttribute('href') === node.textContent && [...node.childNodes].every(isText);
    const made = [...body.childNodes].filter((node) => !isText(node) && !isLink(node)).map((node) => node.nodeName);
    return [{ id, text: made.length === 0 ? body.textContent : `made ${made}` }];
  });
}
