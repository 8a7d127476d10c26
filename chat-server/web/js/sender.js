// Takes the outbox's messages to the server as soon as their rooms are live, and settles them.
// @ts-check
import { RequestError } from './connection.js';

/** @typedef {import('./outbox.js').Outbox} Outbox */

export class Sender {
  #outbox;
  #connection;
  #mayGo;
  #acked;
  #changed;
  #timer = 0;

  /**
   * @param {object} options
   * @param {Outbox} options.outbox
   * @param {import('./connection.js').Connection} options.connection
   * @param {(room: string) => boolean} options.mayGo whether a message to the room may be sent now
   * @param {(room: string, seq: number) => void} options.acked
   * @param {(room: string) => void} options.changed
   */
  constructor({ outbox, connection, mayGo, acked, changed }) {
    this.#outbox = outbox;
    this.#connection = connection;
    this.#mayGo = mayGo;
    this.#acked = acked;
    this.#changed = changed;
  }

  /** Sends what is due and sleeps until the next is. */
  flush() {
    clearTimeout(this.#timer);
    if (this.#connection.state.name !== 'open') return;
    // One moment for both: what becomes due between two of them would be neither sent nor waited for.
    const now = performance.now();
    for (const entry of this.#outbox.due(now)) if (this.#mayGo(entry.room)) this.#deliver(entry);
    const waitMs = this.#outbox.waitMs(now);
    if (waitMs !== null) this.#timer = setTimeout(() => this.flush(), waitMs);
  }

  /** @param {import('./outbox.js').Entry} entry */
  async #deliver({ key, room, body }) {
    this.#outbox.sending(key);
    try {
      const ack = await this.#connection.request({ type: 'send_message', room, body, key });
      this.#outbox.acked(key, ack.seq);
      this.#acked(room, ack.seq);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#outbox.refused(key, error, performance.now());
    }
    this.#changed(room);
    this.flush();
  }
}

/**
 * What the server would take of a text: no control characters but tab and newline, no blank ends.
 * @param {string} text
 */
export function sendable(text) {
  const withoutControls = text.replace(/\r\n?/g, '\n').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
  return withoutControls.replace(/^\n+/, '').trimEnd();
}
