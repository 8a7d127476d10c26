// What the browser tests share: one Chromium, people with pages of their own, waiting for conditions.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chromium } from 'playwright-core';

const BASE_URL = process.env.CHAT_BASE_URL;
/** For anything that a server does in milliseconds. */
export const DEADLINE_MS = 15_000;
/** For what a rate limit may slow down. */
export const PATIENT_MS = 120_000;
export const PASSWORD = 'correct horse battery staple';

/** Tests that need a server are skipped without one. */
export const needsServer = BASE_URL ? {} : { skip: 'CHAT_BASE_URL is not set' };

export function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHAT_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
}

export function unique(prefix) {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}

/** A browser context whose sockets a test can disturb; `baseURL` names another server than that of all tests. */
export async function newContext(browser, { baseURL = BASE_URL, ...options } = {}) {
  const context = await browser.newContext({ baseURL, locale: 'en-GB', ...options });
  context.serverOrigin = new URL(baseURL).origin;
  context.setDefaultTimeout(DEADLINE_MS);
  await context.addInitScript(watchSockets);
  return context;
}

/** Someone new with a page in the room; the account is made over HTTP, and `prepare` sees the context before the page. */
export async function newPerson(browser, { name = 'ann', displayName, room = null, context: contextOptions, prepare } = {}) {
  const context = await newContext(browser, contextOptions);
  await prepare?.(context);
  const username = unique(name);
  const person = { username, displayName: displayName ?? username, context };
  await post(context, 'register', { username, password: PASSWORD, display_name: person.displayName });
  await post(context, 'login', { username, password: PASSWORD, cookie: true });
  person.page = await context.newPage();
  person.surprises = surprisesOf(person.page);
  if (room !== null) await openRoom(person.page, room);
  return person;
}

/** Someone new who signs up through the form. */
export async function signUpByForm(browser, { name, displayName }) {
  const context = await newContext(browser);
  const page = await context.newPage();
  const username = unique(name);
  await page.goto('/chat');
  await page.waitForURL('**/login');
  await page.getByRole('button', { name: 'Create an account' }).click();
  const form = page.locator('#sign-up');
  await form.getByLabel('User name').fill(username);
  await form.getByLabel('Display name').fill(displayName);
  await form.getByLabel('Password').fill(PASSWORD);
  await form.getByRole('button', { name: 'Create account' }).click();
  await page.waitForURL('**/chat');
  return { username, password: PASSWORD, displayName, context, page, surprises: surprisesOf(page) };
}

/** Posts to the HTTP interface and waits out its rate limits. */
export async function post(context, path, content, headers = {}) {
  const deadline = Date.now() + PATIENT_MS;
  for (;;) {
    const { status, value } = await tryPost(context, path, content, headers);
    if (status < 300) return value;
    const mayWait = value?.retry_after_ms !== undefined && Date.now() + value.retry_after_ms < deadline;
    assert.ok(mayWait, `POST ${path} answered ${status}: ${value?.code} ${value?.message}`);
    await new Promise((resolve) => setTimeout(resolve, value.retry_after_ms));
  }
}

/** Posts to the HTTP interface, whatever comes of it. */
export async function tryPost(context, path, content, headers = {}) {
  const response = await context.request.post(`/api/v1/${path}`, { data: content, headers: { Origin: context.serverOrigin, ...headers } });
  return { status: response.status(), value: await response.json().catch(() => null) };
}

export async function openRoom(page, room) {
  await page.goto(`/chat#${room}`);
  await composer(page).waitFor();
  await page.locator('.message, .note').first().waitFor();
}

export function composer(page) {
  return page.getByRole('textbox', { name: /^Message to/ });
}

export async function say(page, text) {
  await composer(page).fill(text);
  await composer(page).press('Enter');
}

export function messageWith(page, text) {
  return page.locator('.message').filter({ hasText: text });
}

/** The bodies on the page that contain the tag, from top to bottom. */
export async function bodiesWith(page, tag) {
  const bodies = await page.locator('.message .body').allTextContents();
  return bodies.filter((body) => body.includes(tag));
}

/** Polls until `read()` deeply equals `expected`, and shows the difference when it never does. */
export async function eventually(read, expected, deadlineMs = DEADLINE_MS) {
  await until(async () => {
    try {
      assert.deepEqual(await read(), expected);
      return true;
    } catch {
      return false;
    }
  }, deadlineMs).catch(async () => assert.deepEqual(await read(), expected));
}

export async function until(isTrue, deadlineMs = DEADLINE_MS) {
  const deadline = Date.now() + deadlineMs;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, `not within ${deadlineMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The network of one page, as far as its sockets go: cut now, cut behind the next message, healed. */
export const network = {
  async cut(person) {
    await person.context.setOffline(true);
    await person.page.evaluate(() => globalThis.testNetwork.cut());
  },
  cutAfterNextSend(person) {
    return person.page.evaluate(() => globalThis.testNetwork.cutAfterNextSend());
  },
  /** The page sees its socket closed with this code. */
  close(person, code) {
    return person.page.evaluate((code) => globalThis.testNetwork.close(code), code);
  },
  /** The next request of this type never leaves the page and is answered with this error. */
  refuseNext(person, type, error) {
    return person.page.evaluate(([type, error]) => globalThis.testNetwork.refuseNext(type, error), [type, error]);
  },
  /** How many sockets the page has opened. */
  dials(person) {
    return person.page.evaluate(() => globalThis.testNetwork.dials);
  },
  async heal(person) {
    await person.page.evaluate(() => globalThis.testNetwork.heal());
    await person.context.setOffline(false);
  },
};

/** Dialogs, uncaught errors and what the content security policy reports. */
export function surprisesOf(page) {
  const surprises = [];
  page.on('dialog', (dialog) => {
    surprises.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('pageerror', (error) => surprises.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_INTERNET_DISCONNECTED|WebSocket connection/.test(message.text())) {
      surprises.push(`console: ${message.text()}`);
    }
  });
  return surprises;
}

/** Runs in the page before its own scripts: a WebSocket whose line a test can cut, also in mid-send, or disturb. */
function watchSockets() {
  const sockets = new Set();
  const refusals = new Map();
  let isCut = false;
  let cutsAfterSend = false;
  const lose = (socket, code) => socket.dispatchEvent(new CloseEvent('close', { code }));

  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      globalThis.testNetwork.dials += 1;
      if (isCut) queueMicrotask(() => this.abandon());
      else sockets.add(this);
    }

    send(data) {
      const { type, id } = JSON.parse(data);
      const refusal = refusals.get(type);
      if (refusal) {
        refusals.delete(type);
        const error = JSON.stringify({ type: 'error', re: id, ...refusal });
        queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data: error })));
        return;
      }
      super.send(data);
      if (!cutsAfterSend || type !== 'send_message') return;
      cutsAfterSend = false;
      this.abandon();
    }

    abandon(code = 1006) {
      sockets.delete(this);
      lose(this, code);
      this.close();
    }
  };

  globalThis.testNetwork = {
    dials: 0,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.abandon();
    },
    cutAfterNextSend() {
      cutsAfterSend = true;
    },
    heal() {
      isCut = false;
    },
    close(code) {
      for (const socket of sockets) socket.abandon(code);
    },
    refuseNext(type, error) {
      refusals.set(type, error);
    },
  };
}
