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
  /** Where somebody signs out just now. @type {null | 'here' | 'in another tab'} */
  #underWay = null;
  /** The chat's other tabs: none of them is to keep again what was forgotten. */
  #tabs = new BroadcastChannel('fitness-chat:sign-out');
  #chat;

  /** @param {import('./chat.js').Chat} chat */
  constructor(chat) {
    this.#chat = chat;
    this.#tabs.onmessage = ({ data: isUnderWay }) => {
      this.#underWay = isUnderWay ? 'in another tab' : null;
    };
  }

  /** Whether what was written is being forgotten. The server then closes the connections, which is no surprise. */
  get isUnderWay() {
    return this.#underWay !== null;
  }

  /** The connection ended meanwhile. */
  ended() {
    if (this.#underWay === 'in another tab') location.assign('/login');
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
    this.#underWay = 'here';
    this.#tabs.postMessage(true);
    const outcome = await post('logout', {});
    if (outcome.ok) {
      this.#chat.outbox?.clear();
      this.#chat.drafts?.clear();
      location.assign('/login');
      return;
    }
    this.#underWay = null;
    this.#tabs.postMessage(false);
    this.#text.textContent = outcome.message;
    if (!this.element.open) this.element.showModal();
  }
}
