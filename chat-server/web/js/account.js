// "Your account": the devices that are signed in, and a new password.
// @ts-check
import { DeviceList } from './device-list.js';
import { el, fill } from './el.js';
import { icon } from './icons.js';
import { handle } from './message-view.js';
import { PasswordForm } from './password-form.js';
import { nameOf } from './people.js';

export class Account {
  #who = el('p', { class: 'account-who' });
  #devices;
  #password = new PasswordForm({ changed: () => this.#devices.load() });
  element;

  /** @param {{signOut(): void}} options signs this device out */
  constructor({ signOut }) {
    this.#devices = new DeviceList({
      signOutHere: () => {
        this.element.close();
        signOut();
      },
    });
    this.element = el(
      'dialog',
      { class: 'dialog account', 'aria-labelledby': 'account-title', onclose: () => this.#password.clear() },
      el(
        'div',
        { class: 'account-header' },
        el('h2', { id: 'account-title' }, 'Your account'),
        el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Close', onclick: () => this.element.close() }, icon('close')),
      ),
      this.#who,
      this.#devices.element,
      this.#password.element,
    );
  }

  /** @param {import('./wire.js').User} user */
  open(user) {
    fill(this.#who, el('bdi', { class: 'name' }, nameOf(user)), ' ', handle(user));
    this.#password.owner = user.username;
    this.#devices.clear();
    this.element.showModal();
    this.#devices.load();
  }
}
