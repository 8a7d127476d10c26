// Whatever people are called is text, wherever a name shows: authors, members, typists, notes of coming and going.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { needsCli, runCli } from './own-server.js';
import { BROKEN, CONTROL, HIDDEN, LONG, PLAIN } from './payloads.js';
import { RawPeople } from './raw-people.js';
import { assertUntouched, openReaders, watch } from './readers.js';
import { eventually, needsServer, newPerson, openBrowser, openRoom, tryPost, unique } from './support.js';

/** Signing up costs the server a processor core for a moment. */
const SIGN_UPS_AT_ONCE = 8;

describe('names of people that are markup', { ...needsServer, ...needsCli }, () => {
  const room = unique('names');
  let browser;
  let readers;
  let people;
  let named;

  before(async () => {
    const added = await runCli(['room', 'add', room]);
    assert.equal(added.code, 0, added.output);
    browser = await openBrowser();
    readers = await openReaders(browser, room);
    people = await RawPeople.open(browser);
  });

  after(async () => {
    await browser?.close();
    await runCli(['room', 'archive', room]);
  });

  it('are refused when they are too long or hide something', async () => {
    const register = async (display_name) => {
      const { status, value } = await tryPost(readers[0].context, 'register', { username: unique('eve'), password: 'long enough', display_name });
      return `${status} ${value.code}: ${value.message}`;
    };
    for (const text of LONG) assert.match(await register(text), /^400 invalid_name: display name has \d+ characters; 1 to 64 are allowed$/);
    const wellFormed = CONTROL.filter(([, code]) => code !== 'bad_json').map(([text]) => text);
    for (const text of [...HIDDEN, ...BROKEN, ...wellFormed]) {
      assert.match(await register(text), /^400 invalid_name: display name has a character that is not allowed \(U\+[0-9A-F]+\): /);
    }
    assert.match(await register(CONTROL.at(-1)[0]), /^400 bad_json: /);
    for (const text of ['\u200b', '\u2028', ' \u00a0', '\u3164']) assert.match(await register(text), /^400 invalid_name: display name is empty$/);
  });

  it('are text in the list of members and in the note that somebody joined', async () => {
    named = [];
    for (let from = 0; from < PLAIN.length; from += SIGN_UPS_AT_ONCE) {
      const group = PLAIN.slice(from, from + SIGN_UPS_AT_ONCE);
      named.push(...(await Promise.all(group.map((displayName) => people.add(displayName)))));
    }
    for (const person of named) await people.ask(person, { type: 'join_room', room });
    const expected = named.map(({ username, displayName }) => [username, displayName]).sort();
    for (const { page } of readers) {
      const listed = () => page.locator('.person').evaluateAll((rows) => rows.map((row) => [row.dataset.username, row.querySelector('.name').textContent]));
      await eventually(async () => (await listed()).filter(([username]) => username.startsWith('raw-')).sort(), expected);
      await eventually(() => notes(page, 'join'), PLAIN.map((text) => `${text} joined the room`));
    }
    for (const reader of readers) await assertUntouched(reader);
  });

  it('are text beside what they write', async () => {
    for (const person of named) {
      const id = await people.say(person, room, unique('said'));
      await onAll(`[data-message-id="${id}"] .author`, `${person.displayName} @${person.username}`);
    }
    for (const reader of readers) await assertUntouched(reader);
  });

  it('are text in the line of those typing, alone and together', async () => {
    for (const person of named) {
      await people.tell(person, { type: 'typing_start', room });
      await onAll('.typing-line', `${person.displayName} is typing`);
      await people.tell(person, { type: 'typing_stop', room });
      await onAll('.typing-line', '');
    }
    const [one, other, third] = named;
    await people.tell(one, { type: 'typing_start', room });
    await onAll('.typing-line', `${one.displayName} is typing`);
    await people.tell(other, { type: 'typing_start', room });
    await onAll('.typing-line', `${one.displayName} and ${other.displayName} are typing`);
    await people.tell(third, { type: 'typing_start', room });
    await onAll('.typing-line', `${one.displayName}, ${other.displayName} and 1 other are typing`);
    for (const reader of readers) await assertUntouched(reader);
  });

  it('are text in what screen readers are told, and so is what they write', async () => {
    for (const person of named.filter((_, index) => index % 6 === 0)) {
      await people.say(person, room, person.displayName);
      await onAll('p.sr-only[aria-live=polite]', `${person.displayName}: ${person.displayName}`);
    }
    for (const reader of readers) await assertUntouched(reader);
  });

  it('are text in the history that somebody finds who comes later', async () => {
    for (const reader of readers) {
      await reader.page.reload();
      const expected = new Map(named.map(({ username, displayName }) => [`@${username}`, displayName]));
      await reader.page.locator('.message').first().waitFor();
      const authors = await reader.page.locator('.author:has(.handle)').evaluateAll((all) => all.map((author) => [...author.children].map((child) => child.textContent)));
      assert.ok(authors.length > 30);
      for (const [name, handle] of authors) assert.equal(name, expected.get(handle));
      await assertUntouched(reader);
    }
  });

  it('are text in the note that somebody left', async () => {
    for (const person of named) await people.ask(person, { type: 'leave_room', room });
    for (const reader of readers) {
      await eventually(() => notes(reader.page, 'leave'), PLAIN.map((text) => `${text} left the room`));
      await eventually(() => reader.page.locator('[data-username^="raw-"]').count(), 0);
      await assertUntouched(reader);
    }
  });

  it('are text to those who bear them', async () => {
    for (const displayName of PLAIN.filter((_, index) => index % 9 === 0)) {
      const bearer = await newPerson(browser, { name: 'bearer', displayName, prepare: watch });
      await openRoom(bearer.page, room);
      await eventually(() => bearer.page.locator('.user-box .name').textContent(), displayName);
      await assertUntouched(bearer);
      await bearer.context.close();
    }
  });

  /** Every reader sees this text there. */
  function onAll(selector, text) {
    return Promise.all(readers.map(({ page }) => eventually(() => page.locator(selector).textContent(), text)));
  }
});

/** The notes of one kind about people without a page, from top to bottom. */
async function notes(page, kind) {
  const texts = await page.locator(`.note.${kind}`).allTextContents();
  return texts.filter((text) => !/^(reader|bearer)-/.test(text));
}
