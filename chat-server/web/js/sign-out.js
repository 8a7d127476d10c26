// Signing out: asks first when something is unsent, forgets what this browser kept, leads to the sign-in page.
// @ts-check
import { el } from './el.js';
import { post } from './http.js';

export class SignOut {
  #text = el('p', { id: 'sign-out-text' });
  element = el(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'sign-out-text' },
    this.#text,
    el(
      'p',
      { class: 'buttons' },
      el('button', { type: 'button', class: 'small', onclick: () => this.element.close() }, 'Stay'),
      el('button', { type: 'button', class: 'small danger', onclick: () => this.#signOut() }, 'Sign out'),
    ),
  );
  /** The server closes the connection of whoever signs out; that is then no surprise. */
  isUnderWay = false;
  #chat;

  /** @param {import('./chat.js').Chat} chat */
  constructor(chat) {
    this.#chat = chat;
  }

  start() {
    const unsent = this.#chat.outbox?.entries.filter((entry) => entry.status !== 'acked').length ?? 0;
    if (unsent === 0) {
      this.#signOut();
      return;
    }
    this.#text.textContent =
      unsent === 1
        ? 'One message is not sent yet and would be lost. Sign out anyway?'
        : `${unsent} messages are not sent yet and would be lost. Sign out anyway?`;
    this.element.showModal();
  }

  async #signOut() {
    this.isUnderWay = true;
    const outcome = await post('logout', {});
    if (outcome.ok) {
      this.#chat.outbox?.clear();
      this.#chat.drafts?.clear();
      location.assign('/login');
      return;
    }
    this.isUnderWay = false;
    this.#text.textContent = outcome.message;
    if (!this.element.open) this.element.showModal();
  }
}
