// The strip that says that the connection is being made, or when it is tried again.
// @ts-check
import { el } from './el.js';

/** A connection that is back within this time is not worth a word. */
const QUIET_MS = 800;
const TICK_MS = 1000;

/** Why the connection ended for good, by its close code. @type {Map<number, string>} */
const ENDS = new Map([
  [1002, 'The server did not understand this page. Load the page again.'],
  [1003, 'The server did not understand this page. Load the page again.'],
  [1007, 'The server did not understand this page. Load the page again.'],
  [1008, 'The server does not allow this connection.'],
  [1009, 'The server closed the connection, because too much was sent at once.'],
  [4504, 'Closed here, because the chat was opened in too many other places.'],
]);
const END_OTHERWISE = 'The server ended this connection for good.';

export class ConnectionBanner {
  #text = el('span', { role: 'status' });
  #countdown = el('span', { class: 'countdown' });
  #button = el('button', { type: 'button', class: 'small' }, 'Retry now');
  element = el('div', { class: 'banner', hidden: true }, this.#text, this.#countdown, this.#button);
  #timer = 0;
  #lostAt = Date.now();

  /** @param {{retryNow(): void}} options */
  constructor({ retryNow }) {
    this.#button.addEventListener('click', retryNow);
  }

  /** @param {import('./connection.js').ConnectionState} state */
  render(state) {
    clearTimeout(this.#timer);
    if (state.name === 'open') {
      this.#lostAt = 0;
      this.element.hidden = true;
      return;
    }
    this.#lostAt ||= Date.now();
    const quietMs = this.#lostAt + QUIET_MS - Date.now();
    if (quietMs > 0 && state.name !== 'ended') {
      this.#timer = setTimeout(() => this.render(state), quietMs);
      return;
    }
    this.element.hidden = false;
    this.#button.hidden = state.name === 'connecting';
    this.#button.textContent = state.name === 'ended' ? 'Connect again' : 'Retry now';
    const text = textOf(state);
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#countdown.textContent = '';
    if (state.name !== 'waiting') return;
    const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
    this.#countdown.textContent = `Next try in ${seconds} s.`;
    this.#timer = setTimeout(() => this.render(state), TICK_MS);
  }
}

/** @param {import('./connection.js').ConnectionState} state */
function textOf(state) {
  if (state.name === 'connecting') return 'Connecting…';
  if (state.name !== 'ended') return 'No connection. What you write is sent later.';
  return `${ENDS.get(state.code) ?? END_OTHERWISE} (code ${state.code})`;
}
