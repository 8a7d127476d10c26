// One's own account: which devices are signed in, signing them out, a new password.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { PLAIN } from './payloads.js';
import { assertUntouched, watch } from './readers.js';
import { PASSWORD, composer, eventually, needsServer, network, newContext, newPerson, openBrowser, openRoom, post, surprisesOf, tryPost } from './support.js';

const NEW_PASSWORD = 'a longer and better secret';
const PHONE = 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36';
const LAPTOP = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0';

describe('one\'s own account', needsServer, () => {
  let browser;
  let ann;
  let dialog;

  before(async () => {
    browser = await openBrowser();
  });

  beforeEach(async () => {
    ann = await newPerson(browser, { name: 'ann', displayName: 'Ann', room: 'general' });
    dialog = ann.page.getByRole('dialog', { name: 'Your account' });
  });

  afterEach(() => ann.context.close());

  after(() => browser?.close());

  it('shows the devices, this one first and marked', async () => {
    await secondDevice(PHONE);
    await open();
    await dialog.getByText(`@${ann.username}`).waitFor();
    await eventually(devices, ['Chrome on Linux This device', 'Chrome on Android']);
    const texts = await dialog.locator('.device-times').allInnerTexts();
    assert.match(texts[0], /^Signed in \d+ \w+ \d{4}$/);
    assert.match(texts[1], /^Last seen now,\s+signed in \d+ \w+ \d{4}$/);
  });

  it('signs one other device out, which shows so at once and keeps what was not sent', async () => {
    const phone = await secondDevice(PHONE);
    const laptop = await secondDevice(LAPTOP);
    await composer(phone.page).fill('half a thought');
    await open();
    await dialog.getByRole('button', { name: 'Sign out Chrome on Android' }).click();
    await phone.page.waitForURL('**/login?closed=4500#general');
    await phone.page.getByText('You were signed out. What you had not sent is kept.').waitFor();
    await dialog.getByText('Chrome on Android was signed out.').waitFor();
    assert.deepEqual(await devices(), ['Chrome on Linux This device', 'Firefox on macOS']);
    assert.equal(await ann.page.evaluate(focusedId), 'devices-title');
    assert.equal((await tryPost(phone.context, 'sessions/revoke', { others: true })).status, 401);
    assert.match(laptop.page.url(), /\/chat#general$/);
    assert.deepEqual([...ann.surprises, ...laptop.surprises], []);
  });

  it('signs all others out', async () => {
    const others = [await secondDevice(PHONE), await secondDevice(LAPTOP)];
    await open();
    await dialog.getByRole('button', { name: 'Sign out all others' }).click();
    for (const { page } of others) await page.waitForURL('**/login?closed=4500#general');
    await dialog.getByText('All other devices were signed out.').waitFor();
    assert.deepEqual(await devices(), ['Chrome on Linux This device']);
    assert.equal(await dialog.getByRole('button', { name: 'Sign out all others' }).isVisible(), false);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await composer(ann.page).fill('still here');
    assert.deepEqual(ann.surprises, []);
  });

  it('signs this device out', async () => {
    await open();
    await dialog.getByRole('button', { name: 'Sign out this device' }).click();
    await ann.page.waitForURL('**/login');
  });

  it('changes the password, which signs the others out and is then the only one', async () => {
    const phone = await secondDevice(PHONE);
    await open();
    await changePassword(PASSWORD, NEW_PASSWORD);
    await dialog.getByText('Your password was changed. All other devices were signed out.').waitFor();
    await phone.page.waitForURL('**/login?closed=4500#general');
    await eventually(devices, ['Chrome on Linux This device']);
    assert.deepEqual(await typed(), ['', '']);
    assert.deepEqual(ann.surprises, []);

    const form = phone.page.locator('#sign-in');
    for (const [password, outcome] of [[PASSWORD, 'wrong'], [NEW_PASSWORD, 'right']]) {
      await form.getByLabel('User name').fill(ann.username);
      await form.getByLabel('Password').fill(password);
      await form.getByRole('button', { name: 'Sign in' }).click();
      if (outcome === 'wrong') await form.getByRole('alert').getByText(/don't belong together/).waitFor();
      else await phone.page.waitForURL('**/chat#general');
    }
  });

  it('says what is wrong with a password, and changes nothing', async () => {
    await open();
    const alert = dialog.locator('.password-form').getByRole('alert');
    await changePassword('not the current one', NEW_PASSWORD);
    await alert.getByText('the current password is wrong').waitFor();
    await eventually(() => ann.page.evaluate(focusedId), 'current-password');
    await changePassword(PASSWORD, 'short');
    await alert.getByText('the password has 5 bytes; 8 to 1024 are allowed').waitFor();
    await eventually(() => ann.page.evaluate(focusedId), 'new-password');
    await changePassword(PASSWORD, 'ä'.repeat(513));
    await alert.getByText('the password has 1026 bytes; 8 to 1024 are allowed').waitFor();
    assert.deepEqual(await typed(), [PASSWORD, 'ä'.repeat(513)]);
    assert.equal((await tryPost(ann.context, 'login', { username: ann.username, password: PASSWORD })).status, 200);
  });

  it('says how long to wait, and that the server cannot be reached', async () => {
    await open();
    const limited = { status: 429, json: { code: 'rate_limited', message: 'too many sign-ins', retry_after_ms: 4200 } };
    await ann.page.route('**/api/v1/password', (route) => route.fulfill(limited));
    await changePassword(PASSWORD, NEW_PASSWORD);
    await dialog.getByText('too many sign-ins (try again in 5 s)').waitFor();
    await ann.page.route('**/api/v1/**', (route) => route.abort());
    await changePassword(PASSWORD, NEW_PASSWORD);
    await dialog.getByText(/cannot be reached/).waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await open();
    await dialog.getByText(/cannot be reached/).waitFor();
    assert.deepEqual(await devices(), []);
  });

  it('says that a device was signed out already, and shows what is left', async () => {
    const phone = await secondDevice(PHONE);
    await open();
    await eventually(devices, ['Chrome on Linux This device', 'Chrome on Android']);
    await post(phone.context, 'logout', {});
    await dialog.getByRole('button', { name: 'Sign out Chrome on Android' }).click();
    await dialog.getByText('there is no such session').waitFor();
    assert.deepEqual(await devices(), ['Chrome on Linux This device']);
  });

  it('opens, closes and forgets what was typed with the keyboard alone', async () => {
    const button = ann.page.getByRole('button', { name: 'Your account' });
    await button.focus();
    await ann.page.keyboard.press('Enter');
    await dialog.waitFor();
    await eventually(devices, ['Chrome on Linux This device']);
    const visited = [];
    for (let step = 0; step < 6; step += 1) {
      visited.push(await ann.page.evaluate(focusedName));
      await ann.page.keyboard.press('Tab');
    }
    assert.deepEqual(visited, ['Close', 'Sign out this device', 'current-password', 'new-password', 'checkbox', 'Change password']);
    await changePassword('typed', 'and never sent', { submits: false });
    await dialog.getByLabel('Show what I type').check();
    assert.equal(await dialog.getByLabel('Current password').getAttribute('type'), 'text');
    await ann.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await ann.page.evaluate(focusedName), 'Your account');
    await open();
    assert.deepEqual(await typed(), ['', '']);
    assert.equal(await dialog.getByLabel('Current password').getAttribute('type'), 'password');
  });

  it('stays in front while the connection comes and goes', async () => {
    await open();
    await changePassword('typed', 'and not sent yet', { submits: false });
    await network.close(ann, 4000);
    await eventually(() => network.dials(ann), 2);
    await ann.page.locator('.banner').waitFor({ state: 'hidden' });
    assert.deepEqual(await typed(), ['typed', 'and not sent yet']);
    await ann.page.keyboard.press('Escape');
    assert.equal(await ann.page.evaluate(focusedName), 'Your account');
  });

  it('shows whatever devices call themselves, and whatever the server answers, as text', async () => {
    const own = await newPerson(browser, { name: 'ann', room: 'general', prepare: watch });
    const names = PLAIN.filter((text) => /^[\x20-\x7e]+$/.test(text));
    for (const name of names) {
      await post(own.context, 'login', { username: own.username, password: PASSWORD }, { 'User-Agent': name });
    }
    await own.page.getByRole('button', { name: 'Your account' }).click();
    const shown = () => own.page.locator('.device-name bdi').allTextContents();
    await eventually(async () => (await shown()).sort(), ['Chrome on Linux', ...names].sort());
    for (const row of await own.page.locator('.device').all()) {
      const name = await row.locator('bdi').textContent();
      if (name !== 'Chrome on Linux') assert.equal(await row.getByRole('button').getAttribute('aria-label'), `Sign out ${name}`);
    }
    await own.page.getByRole('button', { name: `Sign out ${names[0]}`, exact: true }).click();
    await own.page.getByText(`${names[0]} was signed out.`, { exact: true }).waitFor();
    await assertUntouched(own);

    await own.page.route('**/api/v1/password', (route) => {
      return route.fulfill({ status: 400, json: { code: 'weak_password', message: route.request().postDataJSON().new_password } });
    });
    for (const text of PLAIN) {
      await own.page.getByLabel('Current password').fill('current');
      await own.page.getByLabel('New password').fill(text);
      await own.page.getByRole('button', { name: 'Change password' }).click();
      await eventually(() => own.page.locator('.password-form [role=alert]').textContent(), text);
    }
    await assertUntouched({ ...own, surprises: own.surprises.filter((surprise) => !/status of 400/.test(surprise)) });
  });

  async function open() {
    await ann.page.getByRole('button', { name: 'Your account' }).click();
    await dialog.waitFor();
    await dialog.getByText('Loading…').waitFor({ state: 'hidden' });
  }

  /** Another browser of the same person, in the same room. */
  async function secondDevice(userAgent) {
    const context = await newContext(browser, { userAgent });
    await post(context, 'login', { username: ann.username, password: PASSWORD, cookie: true });
    const page = await context.newPage();
    await openRoom(page, 'general');
    return { context, page, surprises: surprisesOf(page) };
  }

  async function devices() {
    const rows = await dialog.locator('.device-name').evaluateAll((names) => names.map((name) => [...name.children].map((child) => child.textContent)));
    return rows.map((row) => row.join(' '));
  }

  async function changePassword(current, next, { submits = true } = {}) {
    await dialog.getByLabel('Current password').fill(current);
    await dialog.getByLabel('New password').fill(next);
    if (submits) await dialog.getByRole('button', { name: 'Change password' }).click();
  }

  function typed() {
    return Promise.all(['Current password', 'New password'].map((label) => dialog.getByLabel(label).inputValue()));
  }
});

/** Run in the page: what has the focus. */
function focusedId() {
  return document.querySelector('fitness-chat').shadowRoot.activeElement?.id;
}

function focusedName() {
  const element = document.querySelector('fitness-chat').shadowRoot.activeElement;
  return element?.getAttribute('aria-label') ?? (element?.id || element?.title || (element?.type === 'checkbox' && 'checkbox') || element?.textContent);
}
