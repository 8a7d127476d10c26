// Readers whose pages note everything that markup must never cause: scripts, dialogs, requests, elements, policy reports.
import assert from 'node:assert/strict';
import { newPerson } from './support.js';

const SCREENS = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 360, height: 800 }, hasTouch: true },
  // The page is safe by itself; the policy is a second line.
  'desktop without the policy': { viewport: { width: 1280, height: 800 }, bypassCSP: true },
};
/** What the page is made of. */
const ELEMENTS = new Set(
  `html head meta title link script body fitness-chat noscript main nav section header div form label textarea input button
   h1 h2 h3 p ul ol li span bdi em time a svg path dialog img`.split(/\s+/),
);
const OWN_PATHS = /^\/(chat|login|ws|assets\/.*|api\/v1\/[a-z/]+)$/;

/** One reader per kind of screen. */
export function openReaders(browser, room) {
  return Promise.all(
    Object.entries(SCREENS).map(async ([screen, context]) => {
      const person = await newPerson(browser, { name: 'reader', room, context, prepare: watch });
      return { ...person, screen };
    }),
  );
}

/** Starts to watch; before the first page of the context is opened. */
export async function watch(context) {
  context.strayRequests = [];
  await context.addInitScript(noteScripts);
  context.on('request', (request) => {
    const { origin, pathname, protocol } = new URL(request.url());
    const own = new URL(context.serverOrigin);
    const isOwn = (origin === own.origin || (protocol === 'ws:' && request.url().startsWith(`ws://${own.host}/`))) && OWN_PATHS.test(pathname);
    if (!isOwn) context.strayRequests.push(request.url());
  });
}

/** Fails if the reader's page did or became anything that a text made it. */
export async function assertUntouched({ page, context, surprises }) {
  const { elements, ...found } = await page.evaluate(inventory);
  assert.deepEqual(elements.filter((name) => !ELEMENTS.has(name)), []);
  assert.match(found.title, /^((\(\d+\+?\) )?Chat|Sign in · Chat|Create an account · Chat)$/);
  assert.deepEqual({ ...found, title: null }, { pwned: [], violations: [], attributes: [], title: null });
  assert.deepEqual(context.pages().length, 1);
  assert.deepEqual(context.strayRequests, []);
  assert.deepEqual(surprises, []);
}

/** Runs in the page before its own scripts. */
function noteScripts() {
  globalThis.pwned = [];
  globalThis.violations = [];
  globalThis.pwn = (number) => globalThis.pwned.push(number);
  document.addEventListener('securitypolicyviolation', ({ violatedDirective, sample }) => {
    globalThis.violations.push(`${violatedDirective} ${sample}`);
  });
}

/** Runs in the page: all elements, and the attributes that only markup from outside would have. */
function inventory() {
  const roots = [document];
  const elements = new Set();
  const attributes = [];
  for (const root of roots) {
    for (const element of root.querySelectorAll('*')) {
      if (element.shadowRoot) roots.push(element.shadowRoot);
      elements.add(element.localName);
      for (const { name, value } of element.attributes) {
        const isAddress = ['href', 'src', 'action', 'formaction', 'srcdoc', 'data', 'xlink:href'].includes(name);
        const isGood = isAddress
          ? /^(https?:\/\/|\/assets\/)/i.test(value) && (element.localName === 'a' || new URL(value, location).origin === location.origin)
          : !/^on/i.test(name) && (name !== 'style' || /^height: [\w.]+;$/.test(value) || value === '');
        if (!isGood) attributes.push(`<${element.localName} ${name}="${value}">`);
      }
    }
  }
  return { elements: [...elements], attributes, pwned: globalThis.pwned, violations: globalThis.violations, title: document.title };
}
