// The list of messages: shows a window of what the room holds, follows the end, keeps its place on older pages.
// @ts-check
import { el } from './el.js';
import { icon } from './icons.js';
import { rowsOf } from './message-rows.js';
import { rowView } from './message-view.js';

/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./wire.js').Message} Message */

/** Messages in the DOM; at the limit the end away from the reader is let go. */
const SHOWN_MESSAGES_MAX = 300;
const SHOWN_LEEWAY = 20;
const STEP_MESSAGES = 50;
const NEAR_END_PX = 100;
const NEAR_EDGE_PX = 500;

export class MessageList {
  #rows = el('ol', { class: 'rows' });
  #log = el('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: 0, 'aria-label': 'Messages' }, this.#rows);
  #pillText = el('span');
  #pill = el('button', { type: 'button', class: 'pill', hidden: true, onclick: () => this.toEnd() }, icon('down'), this.#pillText);
  element = el('div', { class: 'message-list' }, this.#log, this.#pill);

  /** The reader is at the end and stays there. */
  following = true;
  /** Bounds of the window by `seq`; null is the end of what is held. @type {number | null} */
  #fromSeq = null;
  /** @type {number | null} */
  #toSeq = null;
  /** @type {Room | null} */
  #room = null;
  /** Which run of messages the window is over; a reset starts another. */
  #run = '';
  /** @type {Map<string, {node: HTMLLIElement, version: string}>} */
  #drawn = new Map();
  /** @type {import('./message-rows.js').Row[]} */
  #shown = [];
  #content;
  #chat;
  #moved;

  /**
   * @param {object} options
   * @param {import('./chat.js').Chat} options.chat
   * @param {(room: Room) => {unreadAfter: number | null}} options.content
   * @param {() => void} options.moved the reader reached or left the end
   */
  constructor({ chat, content, moved }) {
    this.#chat = chat;
    this.#content = content;
    this.#moved = moved;
    this.#log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(this.#log);
  }

  /** @param {Room | null} room */
  show(room) {
    if (this.#room) this.#room.state.following = true;
    this.#room = room;
    if (room) {
      this.#chat.newest(room);
      this.#startAtEnd(room);
    }
    this.#log.setAttribute('aria-label', room ? `Messages in ${room.name}` : 'Messages');
    this.render();
  }

  render() {
    const room = this.#room;
    if (!room) return this.#draw([]);
    if (this.#run !== runOf(room)) this.#startAtEnd(room);
    const place = this.following ? null : this.#place();
    const rows = rowsOf({
      messages: this.#window(room.state.messages),
      entries: this.#toSeq === null && room.state.heldUpTo === null ? (this.#chat.outbox?.of(room.name) ?? []) : [],
      userId: this.#chat.user?.id ?? '',
      now: Date.now(),
      ...this.#content(room),
    });
    this.#draw(rows);
    if (this.following) this.#log.scrollTop = this.#log.scrollHeight;
    else if (place) this.#putBack(place);
    this.#renderPill();
    this.#fillUp();
  }

  /** Asked by a person, or after one's own message: jump, never glide, so that the end is really reached. */
  toEnd() {
    if (!this.#room) return;
    this.#chat.newest(this.#room);
    this.#startAtEnd(this.#room);
    this.render();
    this.#moved();
  }

  /** For the keys that scroll, and for screen readers that come from the list of rooms. */
  focus() {
    this.#log.focus();
  }

  /** @param {Room} room */
  #startAtEnd(room) {
    this.#run = runOf(room);
    this.#fromSeq = null;
    this.#toSeq = null;
    this.following = true;
    room.state.following = true;
  }

  /** The part of the held messages that is in the DOM. @param {Message[]} messages */
  #window(messages) {
    const from = this.#fromSeq === null ? 0 : indexAtOrAfter(messages, this.#fromSeq);
    const to = this.#toSeq === null ? messages.length : indexAtOrAfter(messages, this.#toSeq + 1);
    if (to - from <= SHOWN_MESSAGES_MAX + SHOWN_LEEWAY) return messages.slice(from, to);
    if (this.following) {
      this.#fromSeq = messages[to - SHOWN_MESSAGES_MAX].seq;
      return messages.slice(to - SHOWN_MESSAGES_MAX, to);
    }
    this.#toSeq = messages[from + SHOWN_MESSAGES_MAX - 1].seq;
    return messages.slice(from, from + SHOWN_MESSAGES_MAX);
  }

  /** Makes the DOM equal to the rows, touching only what differs. @param {import('./message-rows.js').Row[]} rows */
  #draw(rows) {
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, { node }] of this.#drawn) {
      if (keys.has(key)) continue;
      node.remove();
      this.#drawn.delete(key);
    }
    /** @type {Element | null} */
    let next = this.#rows.firstElementChild;
    for (const row of rows) {
      const drawn = this.#drawn.get(row.key);
      const node = drawn?.version === versionOf(row) ? drawn.node : rowView(row, this.#actions);
      if (node === next) next = node.nextElementSibling;
      else {
        this.#rows.insertBefore(node, next);
        if (drawn && drawn.node !== node) {
          if (drawn.node === next) next = next.nextElementSibling;
          drawn.node.remove();
        }
      }
      this.#drawn.set(row.key, { node, version: versionOf(row) });
    }
    this.#shown = rows;
  }

  #actions = {
    /** @param {string} key */
    retry: (key) => this.#chat.retry(key),
    /** @param {string} key */
    discard: (key) => this.#chat.discard(key),
  };

  /** The first message in sight and where it ends; its head may change with what comes above it. */
  #place() {
    const { top } = this.#log.getBoundingClientRect();
    for (const { type, key } of this.#shown) {
      const bottom = type === 'message' || type === 'entry' ? this.#bottomOf(key) : null;
      if (bottom !== null && bottom > top) return { key, bottom };
    }
    return null;
  }

  /** @param {{key: string, bottom: number}} place */
  #putBack({ key, bottom }) {
    const now = this.#bottomOf(key);
    if (now !== null) this.#log.scrollTop += now - bottom;
  }

  /** @param {string} key */
  #bottomOf(key) {
    return this.#drawn.get(key)?.node.getBoundingClientRect().bottom ?? null;
  }

  #scrolled() {
    const room = this.#room;
    if (!room) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const isAtEnd = this.#toSeq === null && room.state.heldUpTo === null;
    const following = isAtEnd && scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (following !== this.following) {
      this.following = following;
      room.state.following = following;
      this.#renderPill();
      this.#moved();
    }
    if (scrollTop < NEAR_EDGE_PX) this.#showOlder(room);
    else if (scrollHeight - scrollTop - clientHeight < NEAR_EDGE_PX) this.#showNewer(room);
  }

  #resized() {
    if (this.following) this.#log.scrollTop = this.#log.scrollHeight;
    this.#fillUp();
  }

  /** A page shorter than the screen has nothing to scroll, so the next one comes by itself. */
  #fillUp() {
    if (this.#room && this.#log.clientHeight > 0 && this.#log.scrollHeight <= this.#log.clientHeight) this.#showOlder(this.#room);
  }

  /** @param {Room} room */
  #showOlder(room) {
    const { messages } = room.state;
    const from = this.#fromSeq === null ? 0 : indexAtOrAfter(messages, this.#fromSeq);
    if (from === 0) {
      this.#fromSeq = null;
      this.#chat.older(room);
      return;
    }
    this.#fromSeq = messages[Math.max(0, from - STEP_MESSAGES)].seq;
    this.render();
  }

  /** @param {Room} room */
  #showNewer(room) {
    const { messages } = room.state;
    if (this.#toSeq === null) {
      if (room.state.heldUpTo !== null) this.#chat.newer(room);
      return;
    }
    const to = Math.min(messages.length, indexAtOrAfter(messages, this.#toSeq + 1) + STEP_MESSAGES);
    this.#toSeq = to === messages.length ? null : messages[to - 1].seq;
    const from = to - SHOWN_MESSAGES_MAX;
    if (from > 0) this.#fromSeq = Math.max(this.#fromSeq ?? 0, messages[from].seq);
    this.render();
  }

  #renderPill() {
    const room = this.#room;
    const unread = room?.state.unread(this.#chat.user?.id ?? '') ?? 0;
    this.#pill.hidden = this.following || !room;
    this.#pillText.textContent = unread > 0 ? 'New messages' : 'Newest messages';
  }
}

/** @param {Room} room */
function runOf({ state }) {
  return `${state.epoch}:${state.generation}`;
}

/** @param {import('./message-rows.js').Row} row */
function versionOf(row) {
  return `${row.type}:${row.version}`;
}

/** @param {Message[]} messages ascending by `seq` @param {number} seq */
function indexAtOrAfter(messages, seq) {
  const index = messages.findIndex((message) => message.seq >= seq);
  return index < 0 ? messages.length : index;
}
