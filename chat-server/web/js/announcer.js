// Tells screen readers politely what arrived in the open room: live messages only, never history.
// @ts-check
import { el } from './el.js';
import { nameOf } from './people.js';

/** What arrives within this time is announced together. */
const GATHER_MS = 1000;
const READ_OUT_MAX = 3;

export class Announcer {
  element = el('p', { class: 'sr-only', role: 'status', 'aria-live': 'polite' });
  /** @type {string[]} */
  #gathered = [];
  #timer = 0;

  /** @param {import('./wire.js').Message} message */
  announce(message) {
    this.#gathered.push(message.user ? `${nameOf(message.user)}: ${message.body}` : message.body);
    this.#timer ||= setTimeout(() => {
      const gathered = this.#gathered;
      this.#timer = 0;
      this.#gathered = [];
      this.element.textContent = gathered.length > READ_OUT_MAX ? `${gathered.length} new messages` : gathered.join('. ');
    }, GATHER_MS);
  }
}
