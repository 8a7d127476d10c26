// Where a message is written: Enter sends, Shift+Enter breaks the line, drafts stay, offline too.
// @ts-check
import { el } from './el.js';
import { icon } from './icons.js';
import { sendable } from './sender.js';

/** The counter appears when this share of the limit is used. */
const COUNTER_FROM = 0.8;
const DRAFT_DELAY_MS = 300;
/** Two signals may travel closer together than they were sent; the server counts from what it sees. */
const TYPING_SLACK_MS = 200;

const encoder = new TextEncoder();

export class Composer {
  #text = el('textarea', {
    id: 'composer-text',
    rows: 1,
    dir: 'auto',
    placeholder: 'Write a message',
    enterkeyhint: 'send',
    'aria-describedby': 'composer-counter',
    oninput: () => this.#edited(),
    onkeydown: (/** @type {KeyboardEvent} */ event) => this.#pressed(event),
    onblur: () => this.#keepDraft(),
  });
  #label = el('label', { for: 'composer-text', class: 'sr-only' }, 'Message');
  #counter = el('p', { id: 'composer-counter', class: 'counter', role: 'status' });
  #button = el('button', { type: 'submit', class: 'send', 'aria-label': 'Send' }, icon('send'));
  element = el(
    'form',
    { class: 'composer', onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
    this.#label,
    this.#text,
    this.#button,
    this.#counter,
  );
  #chat;
  #sent;
  /** @type {import('./room.js').Room | null} */
  #room = null;
  #lastTypingAt = 0;
  #draftTimer = 0;

  /** @param {{chat: import('./chat.js').Chat, sent(): void}} options */
  constructor({ chat, sent }) {
    this.#chat = chat;
    this.#sent = sent;
  }

  /** @param {import('./room.js').Room | null} room */
  show(room) {
    this.#leave();
    this.#room = room;
    this.element.hidden = room === null;
    if (!room) return;
    this.#label.textContent = `Message to ${room.name}`;
    this.#text.value = this.#chat.drafts?.of(room.name) ?? '';
    this.#fit();
  }

  focus() {
    this.#text.focus();
  }

  /** The draft is kept at once: the page may be about to go. */
  keep() {
    this.#keepDraft();
  }

  #edited() {
    this.#fit();
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.#keepDraft(), DRAFT_DELAY_MS);
    if (sendable(this.#text.value) === '') this.#stopTyping();
    else this.#startTyping();
  }

  /** An Enter that ends a composition (Japanese, Chinese, Korean) is not a wish to send. @param {KeyboardEvent} event */
  #pressed(event) {
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== 'Enter' || event.shiftKey || isComposing) return;
    this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    if (!this.#room || this.#isTooLong() || !this.#chat.send(this.#room.name, this.#text.value)) return;
    this.#text.value = '';
    this.#keepDraft();
    this.#stopTyping();
    this.#fit();
    this.focus();
    this.#sent();
  }

  #startTyping() {
    const now = Date.now();
    const intervalMs = this.#chat.limits.typing_start_interval_ms + TYPING_SLACK_MS;
    if (!this.#room || now - this.#lastTypingAt < intervalMs) return;
    this.#lastTypingAt = now;
    this.#chat.typing(this.#room, true);
  }

  #stopTyping() {
    if (this.#room && this.#lastTypingAt > 0) this.#chat.typing(this.#room, false);
    this.#lastTypingAt = 0;
  }

  #leave() {
    if (!this.#room) return;
    this.#stopTyping();
    this.#keepDraft();
  }

  #keepDraft() {
    clearTimeout(this.#draftTimer);
    if (this.#room) this.#chat.drafts?.keep(this.#room.name, this.#text.value);
  }

  #bytes() {
    return encoder.encode(sendable(this.#text.value)).length;
  }

  #isTooLong() {
    return this.#bytes() > this.#chat.limits.body_bytes_max;
  }

  /** Grows the box with its text and counts the bytes near the limit. */
  #fit() {
    this.#text.style.height = 'auto';
    this.#text.style.height = `${this.#text.scrollHeight}px`;
    const limit = this.#chat.limits.body_bytes_max;
    const bytes = this.#bytes();
    const isTooLong = bytes > limit;
    this.#counter.textContent = bytes < limit * COUNTER_FROM ? '' : `${bytes} of ${limit} bytes${isTooLong ? ': too long' : ''}`;
    this.#counter.classList.toggle('problem', isTooLong);
    this.#text.setAttribute('aria-invalid', String(isTooLong));
    this.#button.disabled = isTooLong;
  }
}
