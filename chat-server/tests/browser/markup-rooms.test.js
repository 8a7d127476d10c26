// Whatever rooms are called and described as is text, in the list, in the heading and in the address.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { needsCli, runCli } from './own-server.js';
import { BROKEN, HIDDEN, LONG, PLAIN } from './payloads.js';
import { assertUntouched, openReaders } from './readers.js';
import { composer, eventually, messageWith, needsServer, openBrowser, say, unique } from './support.js';

const DESCRIPTION_CHARS_MAX = 500;
const ROOM_NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const EXISTS = 5;
const WRONG_USAGE = 2;
/** Within the rules, and more than a name to something that is careless. */
const ODD_NAMES = [
  'constructor', 'valueof', 'null', 'undefined', 'nan', '0', 'javascript', 'sign-up', 'xn--80ak6aa92e.com', 'a..b_-.', 'r'.repeat(100),
];

const isPossible = (description) => [...description].length <= DESCRIPTION_CHARS_MAX;
const DESCRIPTIONS = [...PLAIN, ...HIDDEN, ...LONG.filter(isPossible)];

describe('rooms that are markup', { ...needsServer, ...needsCli }, () => {
  const prefix = unique('markup');
  const rooms = DESCRIPTIONS.map((description, index) => ({ name: `${prefix}-${index}`, description }));
  let browser;
  let readers;

  before(async () => {
    browser = await openBrowser();
    readers = await openReaders(browser, 'general');
  });

  after(() => browser?.close());

  it('are refused by a name that is markup, and by a description that is too long or breaks lines', async () => {
    for (const text of [...PLAIN, ...LONG, ...HIDDEN, ...BROKEN].filter((text) => !ROOM_NAME.test(text))) {
      const { code, output } = await runCli(['room', 'add', '--', text]);
      assert.equal(code, WRONG_USAGE, text);
      assert.match(output, /room name has /);
    }
    for (const text of [...LONG.filter((text) => !isPossible(text)), ...BROKEN]) {
      const { code, output } = await runCli(['room', 'add', unique('refused'), `--description=${text}`]);
      assert.equal(code, WRONG_USAGE, text);
      assert.match(output, /room description has /);
    }
  });

  it('show their descriptions as text, in the list and above the messages', async () => {
    for (const { name, description } of rooms) {
      const { code, output } = await runCli(['room', 'add', name, `--description=${description}`]);
      assert.equal(code, 0, output);
    }
    const expected = rooms.map(({ name, description }) => [name, `Not joined · ${description}`]).sort();
    for (const reader of readers) {
      await eventually(async () => (await reader.page.evaluate(listedRooms)).filter(([name]) => name.startsWith(prefix)).sort(), expected);
      await assertUntouched(reader);
    }
    for (const [index, { name, description }] of rooms.entries()) {
      const { page } = readers[index % readers.length];
      await page.evaluate((name) => (location.hash = name), name);
      await eventually(() => page.locator('.room-topic').textContent(), description);
      await eventually(() => page.locator(`[data-room="${name}"] .room-about`).textContent(), description);
    }
    for (const reader of readers) await assertUntouched(reader);
  });

  it('go when they are archived, and say so to who is in them', async () => {
    const last = readers[(rooms.length - 1) % readers.length];
    for (const { name } of rooms) assert.equal((await runCli(['room', 'archive', name])).code, 0);
    await eventually(() => last.page.locator('.empty-state').textContent().then((text) => text !== ''), true);
    for (const reader of readers) {
      await eventually(async () => (await reader.page.evaluate(listedRooms)).filter(([name]) => name.startsWith(prefix)), []);
      await assertUntouched(reader);
    }
  });

  it('may have odd names, under which everything works', async () => {
    const [desktop, phone] = readers;
    for (const name of ODD_NAMES) {
      // They stay, so that a second run finds them.
      const { code, output } = await runCli(['room', 'add', name]);
      assert.ok(code === 0 || code === EXISTS, output);
    }
    for (const name of ODD_NAMES) {
      const text = unique('odd');
      for (const { page } of [desktop, phone]) {
        await eventually(() => page.locator(`[data-room="${name}"] bdi`).textContent(), name);
        await page.goto(`/chat#${name}`);
        await eventually(() => page.locator('.room-title').textContent(), name);
        await page.getByRole('textbox', { name: `Message to ${name}`, exact: true }).waitFor();
      }
      await composer(phone.page).fill('a draft');
      await say(desktop.page, text);
      await messageWith(phone.page, text).waitFor();
      await phone.page.reload();
      await messageWith(phone.page, text).waitFor();
      assert.equal(await composer(phone.page).inputValue(), 'a draft');
      await composer(phone.page).fill('');
    }
    for (const reader of [desktop, phone]) await assertUntouched(reader);
  });
});

/** Runs in the page: the listed rooms, and what is said about each. */
function listedRooms() {
  const rows = document.querySelector('fitness-chat').shadowRoot.querySelectorAll('.room');
  return [...rows].map((row) => [row.dataset.room, row.querySelector('.room-about').textContent]);
}
