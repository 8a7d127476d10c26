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
    this.#tabs.onmessage = ({ data: { userId, isUnderWay } }) => {
      if (userId === this.#chat.user?.id) this.#set(isUnderWay ? 'in another tab' : null);
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

  /** There is a connection again: whatever another tab began came to nothing. */
  connected() {
    if (this.#underWay === 'in another tab') this.#set(null);
  }

  /** From here on nothing that is written is kept, or it is again. @param {null | 'here' | 'in another tab'} underWay */
  #set(underWay) {
    this.#underWay = underWay;
    if (this.#chat.drafts) this.#chat.drafts.isClosed = underWay !== null;
  }

  /** @param {null | 'here'} underWay */
  #tell(underWay) {
    this.#set(underWay);
    this.#tabs.postMessage({ userId: this.#chat.user?.id, isUnderWay: underWay !== null });
  }

  start() {
    const unsent = this.#chat.outbox?.unsent ?? 0;
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
    this.#tell('here');
    const outcome = await post('logout', {});
    if (outcome.ok) {
      this.#chat.outbox?.clear();
      this.#chat.drafts?.clear();
      location.assign('/login');
      return;
    }
    this.#tell(null);
    this.#text.textContent = outcome.message;
    if (!this.element.open) this.element.showModal();
  }
}
