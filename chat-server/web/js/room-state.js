// What the page holds of one room's messages: applies durable events by counting, merges, resets. Pure.
// @ts-check
import { UNREAD_MAX } from './wire.js';

/** @typedef {import('./wire.js').Message} Message */
/** @typedef {import('./wire.js').RoomInfo} RoomInfo */
/** @typedef {import('./wire.js').RoomJoined} RoomJoined */

/** Messages held per room; beyond it the end away from the reader is let go. */
export const HELD_MESSAGES_MAX = 1000;

export class RoomState {
  /** One run without holes, ascending by `seq`. @type {Message[]} */
  messages = [];
  /** @type {string | null} */
  epoch = null;
  /** The number of the last change known; null before the first join. @type {number | null} */
  lastSeq = null;
  /** Older messages exist before the first held one. */
  hasMore = false;
  /** Every message up to this number is held; null when that is all there are. @type {number | null} */
  heldUpTo = null;
  /** Which end the reader is at: the newest messages stay while it is true, the older ones while not. */
  following = true;
  readSeq = 0;
  /** Rises with every reset, so that an answer to an older question is known as such. */
  generation = 0;
  /** What the server counted as unread, and up to which message. */
  #counted = { unread: 0, lastSeq: 0 };
  /** What lies beyond `heldUpTo` and is known but not held, ascending by `seq`; as many as are counted. @type {Message[]} */
  #unheld = [];
  #heldMax;

  constructor({ heldMax = HELD_MESSAGES_MAX } = {}) {
    this.#heldMax = heldMax;
  }

  /** What a `join_room` says to get only what changed since. */
  get position() {
    return this.lastSeq === null ? {} : { after: this.lastSeq, epoch: this.epoch };
  }

  /** The server's list of rooms is the truth about what was read. @param {RoomInfo} info */
  listed(info) {
    this.readSeq = info.read_seq;
    this.#counted = { unread: info.unread, lastSeq: info.last_seq };
  }

  /**
   * Takes a `room_joined`: a resume merges, anything else replaces.
   * @param {RoomJoined} event
   * @param {number | undefined} after what the request carried
   */
  joined(event, after) {
    const resumes = after !== undefined && !event.reset && this.epoch === event.epoch && this.lastSeq !== null;
    if (!resumes) {
      this.messages = [];
      this.generation += 1;
      this.lastSeq = event.last_seq;
      this.heldUpTo = null;
      this.#unheld = [];
    }
    if (this.messages.length === 0) this.hasMore = event.has_more;
    this.epoch = event.epoch;
    for (const message of event.messages) this.#merge(message);
    this.lastSeq = Math.max(this.lastSeq ?? 0, event.last_seq);
    this.#trim();
  }

  /**
   * Counts a durable live event: the next number is applied, a known one ignored, and after a hole the caller has to
   * join again from `position`. A number that came without content is a hole unless it is known.
   * @param {number} seq
   * @param {Message | null} message
   * @returns {'applied' | 'ignored' | 'gap'}
   */
  apply(seq, message) {
    if (this.lastSeq === null) return 'ignored';
    if (seq <= this.lastSeq) return 'ignored';
    if (seq > this.lastSeq + 1 || message === null) return 'gap';
    this.lastSeq = seq;
    this.#merge(message);
    this.#trim();
    return 'applied';
  }

  /**
   * Takes the messages before the one numbered `before`, unless that one is not the first any more: there would be a hole.
   * @param {Message[]} messages
   * @param {boolean} hasMore
   * @param {number} before
   */
  prepend(messages, hasMore, before) {
    if (this.messages[0]?.seq !== before) return;
    this.messages = [...messages, ...this.messages];
    this.hasMore = hasMore;
    this.#dropNewest();
  }

  /**
   * Takes the messages that follow the held ones, all that are numbered up to `upTo`.
   * @param {Message[]} messages
   * @param {number} upTo
   */
  append(messages, upTo) {
    const highest = this.messages.at(-1)?.seq ?? 0;
    this.messages.push(...messages.filter((message) => message.seq > highest && message.seq <= upTo));
    this.heldUpTo = upTo < (this.lastSeq ?? 0) ? upTo : null;
    this.#unheld = this.#unheld.filter((message) => message.seq > upTo);
    this.#dropOldest();
  }

  /**
   * @param {number} seq
   * @param {number} unread what is still unread above it
   */
  readUpTo(seq, unread) {
    if (seq < this.readSeq) return;
    this.readSeq = seq;
    this.#counted = { unread, lastSeq: this.lastSeq ?? seq };
  }

  /** Other people's text and system messages above the read marker, up to 100. @param {string} userId */
  unread(userId) {
    const lowest = this.messages[0]?.seq ?? 0;
    const holdsAllUnread = this.lastSeq !== null && this.heldUpTo === null && (!this.hasMore || lowest <= this.readSeq + 1);
    const from = holdsAllUnread ? this.readSeq : Math.max(this.readSeq, this.#counted.lastSeq);
    let unread = holdsAllUnread ? 0 : this.#counted.unread;
    for (const messages of [this.#unheld, this.messages]) {
      for (let index = messages.length - 1; index >= 0 && unread < UNREAD_MAX; index -= 1) {
        const message = messages[index];
        if (message.seq <= from) break;
        if (countsAsUnread(message, userId)) unread += 1;
      }
    }
    return Math.min(unread, UNREAD_MAX);
  }

  /** A message replaces a held one only if it changed later; outside the held run it is left to a page. @param {Message} message */
  #merge(message) {
    const index = this.#indexOf(message.seq);
    const held = this.messages[index];
    if (held?.seq === message.seq) {
      if (message.changed_seq > held.changed_seq) this.messages[index] = message;
      return;
    }
    if (index === this.messages.length && this.heldUpTo !== null) {
      const before = this.#unheld.filter((other) => other.seq !== message.seq);
      this.#unheld = [...before, message].sort((a, b) => a.seq - b.seq).slice(-UNREAD_MAX);
      return;
    }
    if (index === 0 && this.hasMore && this.messages.length > 0) return;
    this.messages.splice(index, 0, message);
  }

  /** Where `seq` is held, or would be. @param {number} seq */
  #indexOf(seq) {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #trim() {
    if (this.following) this.#dropOldest();
    else this.#dropNewest();
  }

  #dropOldest() {
    const surplus = this.messages.length - this.#heldMax;
    if (surplus <= 0) return;
    this.messages.splice(0, surplus);
    this.hasMore = true;
  }

  #dropNewest() {
    if (this.messages.length <= this.#heldMax) return;
    const dropped = this.messages.splice(this.#heldMax);
    this.#unheld = [...dropped, ...this.#unheld].slice(-UNREAD_MAX);
    this.heldUpTo = this.messages[this.#heldMax - 1].seq;
  }
}

/** @param {Message} message @param {string} userId */
export function countsAsUnread(message, userId) {
  return (message.kind === 'text' || message.kind === 'system') && message.user?.id !== userId;
}
