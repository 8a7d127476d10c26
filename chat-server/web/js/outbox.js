// Messages on their way: each keeps its key until the server has it, over reconnects, errors and reloads.
// @ts-check

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} room
 * @property {string} body
 * @property {number} at when it was written, Unix milliseconds
 * @property {'waiting' | 'sending' | 'acked' | 'failed'} status
 * @property {number} dueAt when a waiting entry may be sent, on a clock that nobody sets
 * @property {number} attempts
 * @property {number} [seq] its number in the room, once acked
 * @property {string} [code] why it failed
 * @property {string} [reason] why it failed, for people
 *
 * @typedef {{read(name: string): any, write(name: string, value: any): void, remove(name: string): void, names(prefix: string): string[]}} Store
 * @typedef {{code: string, message: string, retry_after_ms?: number}} SendError
 */

/** After these the outcome is unknown or the time was wrong: the same key goes again. */
const RETRIED = new Set([
  'unavailable', 'overloaded', 'storage_full', 'rate_limited', 'unauthenticated', 'disconnected', 'timeout',
]);
const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 30_000;

export class Outbox {
  /** In the order they were written. @type {Entry[]} */
  entries = [];
  #store;
  #prefix;
  #newKey;

  /**
   * @param {{store: Store, userId: string, newKey?: () => string}} options
   */
  constructor({ store, userId, newKey = randomKey }) {
    this.#store = store;
    this.#prefix = `outbox:${userId}:`;
    this.#newKey = newKey;
    for (const name of store.names(this.#prefix)) {
      const kept = store.read(name);
      if (typeof kept?.key !== 'string' || typeof kept.body !== 'string' || typeof kept.room !== 'string') continue;
      this.entries.push({ ...kept, status: kept.status === 'failed' ? 'failed' : 'waiting', dueAt: 0, attempts: 0 });
    }
    this.entries.sort((a, b) => a.at - b.at);
  }

  /** @param {string} room @param {string} body @param {number} now @returns {Entry} */
  add(room, body, now) {
    const at = Math.max(now, (this.entries.at(-1)?.at ?? 0) + 1);
    /** @type {Entry} */
    const entry = { key: this.#newKey(), room, body, at, status: 'waiting', dueAt: 0, attempts: 0 };
    this.entries.push(entry);
    this.#keep(entry);
    return entry;
  }

  /** @param {string} room */
  of(room) {
    return this.entries.filter((entry) => entry.room === room);
  }

  /**
   * What may be sent now: of each room only the first unsettled entry, so that order is kept.
   * @param {number} now
   */
  due(now) {
    return this.#heads().filter((entry) => entry.status === 'waiting' && entry.dueAt <= now);
  }

  /** Milliseconds until the next entry is due, or null when nothing waits for a time. @param {number} now */
  waitMs(now) {
    const waits = this.#heads()
      .filter((entry) => entry.status === 'waiting' && entry.dueAt > now)
      .map((entry) => entry.dueAt - now);
    return waits.length > 0 ? Math.min(...waits) : null;
  }

  /** @param {string} key */
  sending(key) {
    const entry = this.#find(key);
    if (!entry) return;
    entry.status = 'sending';
    entry.attempts += 1;
  }

  /** The server has it; it is shown until its message arrives. @param {string} key @param {number} seq */
  acked(key, seq) {
    const entry = this.#find(key);
    if (!entry) return;
    entry.status = 'acked';
    entry.seq = seq;
    this.#store.remove(this.#prefix + key);
  }

  /** @param {string} key @param {SendError} error @param {number} now */
  refused(key, error, now) {
    const entry = this.#find(key);
    if (!entry || entry.status === 'acked') return;
    if (RETRIED.has(error.code)) {
      const backoffMs = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** Math.max(0, entry.attempts - 1));
      entry.status = 'waiting';
      entry.dueAt = error.code === 'disconnected' ? 0 : now + (error.retry_after_ms || backoffMs);
      return;
    }
    entry.status = 'failed';
    entry.code = error.code;
    entry.reason = error.message;
    this.#keep(entry);
  }

  /** The message itself was seen: the entry has done its work. @param {string} key */
  seen(key) {
    this.discard(key);
  }

  /** The room is known up to `seq`: whatever was acked below is shown by it. @param {string} room @param {number} seq */
  settledUpTo(room, seq) {
    this.entries = this.entries.filter(
      (entry) => !(entry.room === room && entry.status === 'acked' && (entry.seq ?? 0) <= seq),
    );
  }

  /** By hand. A key that was taken by something else is replaced, any other is kept. @param {string} key */
  retry(key) {
    const entry = this.#find(key);
    if (!entry || entry.status !== 'failed') return;
    if (entry.code === 'key_conflict') {
      this.#store.remove(this.#prefix + entry.key);
      entry.key = this.#newKey();
    }
    entry.status = 'waiting';
    entry.dueAt = 0;
    entry.attempts = 0;
    delete entry.code;
    delete entry.reason;
    this.#keep(entry);
  }

  /** @param {string} key */
  discard(key) {
    const index = this.entries.findIndex((entry) => entry.key === key);
    if (index < 0) return;
    this.entries.splice(index, 1);
    this.#store.remove(this.#prefix + key);
  }

  /** How many are not sent yet, also by other tabs. */
  get unsent() {
    const keys = this.entries.filter((entry) => entry.status !== 'acked').map((entry) => this.#prefix + entry.key);
    return new Set([...keys, ...this.#store.names(this.#prefix)]).size;
  }

  /** Forgets everything, also what other tabs wrote. */
  clear() {
    this.entries = [];
    for (const name of this.#store.names(this.#prefix)) this.#store.remove(name);
  }

  /** The first entry of each room that is neither acked nor failed. */
  #heads() {
    /** @type {Map<string, Entry>} */
    const heads = new Map();
    for (const entry of this.entries) {
      if (entry.status === 'acked' || entry.status === 'failed' || heads.has(entry.room)) continue;
      heads.set(entry.room, entry);
    }
    return [...heads.values()];
  }

  /** @param {string} key */
  #find(key) {
    return this.entries.find((entry) => entry.key === key);
  }

  /** @param {Entry} entry */
  #keep({ key, room, body, at, status, code, reason }) {
    this.#store.write(this.#prefix + key, { key, room, body, at, status, code, reason });
  }
}

/** `crypto.randomUUID` needs https or localhost; plain http in a home network has only `getRandomValues`. */
export function randomKey() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
