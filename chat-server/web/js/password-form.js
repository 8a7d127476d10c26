// The form that changes one's own password.
// @ts-check
import { el } from './el.js';
import { post } from './http.js';

const DONE = 'Your password was changed. All other devices were signed out.';

export class PasswordForm {
  /** Tells the password's keeper in the browser whose it is. */
  #owner = el('input', { type: 'text', name: 'username', autocomplete: 'username', hidden: true, readonly: true });
  #current = el('input', { id: 'current-password', type: 'password', autocomplete: 'current-password', required: true });
  #new = el('input', {
    id: 'new-password',
    type: 'password',
    autocomplete: 'new-password',
    required: true,
    'aria-describedby': 'new-password-hint',
  });
  #shows = el('input', { type: 'checkbox', onchange: () => this.#show() });
  #error = el('p', { class: 'problem', role: 'alert' });
  #done = el('p', { class: 'form-done', role: 'status' });
  #button = el('button', { type: 'submit', class: 'small primary' }, 'Change password');
  #form = el(
    'form',
    { class: 'password-form', 'aria-labelledby': 'password-title', onsubmit: (/** @type {Event} */ event) => this.#submit(event) },
    this.#owner,
    el('label', { for: 'current-password' }, 'Current password'),
    this.#current,
    el('label', { for: 'new-password' }, 'New password'),
    this.#new,
    el('p', { class: 'handle', id: 'new-password-hint' }, '8 characters or more. All other devices will be signed out.'),
    el('label', { class: 'check' }, this.#shows, 'Show what I type'),
    this.#error,
    this.#done,
    this.#button,
  );
  element = el('section', { 'aria-labelledby': 'password-title' }, el('h3', { id: 'password-title' }, 'Password'), this.#form);
  #changed;

  /** @param {{changed(): void}} options */
  constructor({ changed }) {
    this.#changed = changed;
  }

  /** @param {string} username */
  set owner(username) {
    this.#owner.value = username;
  }

  clear() {
    const { value } = this.#owner;
    this.#form.reset();
    this.#owner.value = value;
    this.#show();
    this.#error.textContent = '';
    this.#done.textContent = '';
  }

  #show() {
    const type = this.#shows.checked ? 'text' : 'password';
    this.#current.type = type;
    this.#new.type = type;
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    this.#error.textContent = '';
    this.#done.textContent = '';
    this.#button.disabled = true;
    const outcome = await post('password', { current_password: this.#current.value, new_password: this.#new.value });
    this.#button.disabled = false;
    if (!outcome.ok) {
      this.#error.textContent = outcome.message;
      (outcome.code === 'wrong_credentials' ? this.#current : this.#new).focus();
      return;
    }
    this.clear();
    this.#done.textContent = DONE;
    this.#button.focus();
    this.#changed();
  }
}
