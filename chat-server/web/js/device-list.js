// The devices on which somebody is signed in, each with a button that signs it out.
// @ts-check
import { el, fill } from './el.js';
import { fullDate, fullTime, timeAgo } from './format.js';
import { get, post } from './http.js';

/** @typedef {import('./wire.js').Session} Session */

const UNKNOWN_DEVICE = 'Unknown device';

export class DeviceList {
  #title = el('h3', { id: 'devices-title', tabindex: -1 }, 'Signed-in devices');
  #list = el('ul', { class: 'devices', 'aria-labelledby': 'devices-title' });
  #done = el('p', { class: 'form-done', role: 'status' });
  #error = el('p', { class: 'problem', role: 'alert' });
  #others = el('button', { type: 'button', class: 'small danger', onclick: () => this.#revokeOthers() }, 'Sign out all others');
  element = el('section', { 'aria-labelledby': 'devices-title' }, this.#title, this.#list, this.#done, this.#error, this.#others);
  #signOutHere;

  /** @param {{signOutHere(): void}} options */
  constructor({ signOutHere }) {
    this.#signOutHere = signOutHere;
  }

  clear() {
    fill(this.#list, el('li', { class: 'device' }, 'Loading…'));
    this.#others.hidden = true;
    this.#done.textContent = '';
    this.#error.textContent = '';
  }

  async load() {
    const outcome = await get('sessions');
    if (!outcome.ok) {
      fill(this.#list);
      this.#error.textContent = outcome.message;
      return;
    }
    /** @type {Session[]} */
    const sessions = outcome.value.sessions;
    const current = sessions.filter((session) => session.is_current);
    const others = sessions.filter((session) => !session.is_current);
    fill(this.#list, ...[...current, ...others].map((session) => this.#device(session)));
    this.#others.hidden = others.length === 0;
    this.#others.disabled = false;
  }

  /** @param {Session} session */
  #device(session) {
    const name = session.device ?? UNKNOWN_DEVICE;
    return el(
      'li',
      { class: 'device', 'data-session-id': session.id },
      el(
        'div',
        { class: 'device-about' },
        el('p', { class: 'device-name' }, el('bdi', {}, name), session.is_current && el('span', { class: 'badge' }, 'This device')),
        el(
          'p',
          { class: 'handle device-times', title: `Signed in ${fullTime(session.created_at)}, until ${fullTime(session.expires_at)} at the latest` },
          !session.is_current && el('span', {}, `Last seen ${timeAgo(session.last_seen_at, Date.now())},`),
          !session.is_current && ' ',
          el('span', {}, `${session.is_current ? 'Signed' : 'signed'} in ${fullDate(session.created_at)}`),
        ),
      ),
      el(
        'button',
        {
          type: 'button',
          class: 'small',
          'aria-label': session.is_current ? 'Sign out this device' : `Sign out ${name}`,
          onclick: (/** @type {Event} */ event) => (session.is_current ? this.#signOutHere() : this.#revoke(event, session.id, name)),
        },
        'Sign out',
      ),
    );
  }

  /** @param {Event} event @param {string} id @param {string} name */
  #revoke(event, id, name) {
    /** @type {HTMLButtonElement} */ (event.currentTarget).disabled = true;
    return this.#end({ session_id: id }, `${name} was signed out.`);
  }

  #revokeOthers() {
    this.#others.disabled = true;
    return this.#end({ others: true }, 'All other devices were signed out.');
  }

  /** The pressed button is gone or disabled after it, so the focus goes to the title. @param {object} which @param {string} done */
  async #end(which, done) {
    this.#error.textContent = '';
    this.#done.textContent = '';
    const outcome = await post('sessions/revoke', which);
    await this.load();
    if (outcome.ok) this.#done.textContent = done;
    else this.#error.textContent = outcome.message;
    this.#title.focus();
  }
}
