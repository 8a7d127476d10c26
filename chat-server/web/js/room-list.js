// The list of rooms with what is unread in them. A room's button stays the same node, so that a press on it is not lost.
// @ts-check
import { el, fill } from './el.js';
import { unreadText } from './format.js';

export class RoomList {
  #list = el('ul', { class: 'room-list' });
  element = this.#list;
  /** @type {Map<string, RoomItem>} */
  #items = new Map();
  #open;

  /** @param {{open(name: string): void}} options */
  constructor({ open }) {
    this.#open = open;
  }

  /**
   * @param {import('./chat.js').Chat} chat
   * @param {string | null} openName
   */
  render(chat, openName) {
    const names = [...chat.rooms.keys()];
    if (names.join('\n') !== [...this.#items.keys()].join('\n')) {
      this.#items = new Map(names.map((name) => [name, this.#items.get(name) ?? new RoomItem(name, this.#open)]));
      fill(this.#list, ...Array.from(this.#items.values(), ({ element }) => element));
    }
    if (chat.roomsKnown && names.length === 0) fill(this.#list, el('li', { class: 'empty' }, 'There are no rooms yet.'));
    for (const [name, item] of this.#items) {
      const room = chat.rooms.get(name);
      if (room) item.render(room, chat, name === openName);
    }
  }
}

class RoomItem {
  #about = el('span', { class: 'room-about', dir: 'auto' });
  #count = el('span', { class: 'unread', hidden: true });
  #button;
  element;

  /** @param {string} name @param {(name: string) => void} open */
  constructor(name, open) {
    const hash = el('span', { class: 'hash', 'aria-hidden': 'true' }, '#');
    this.#button = el(
      'button',
      { type: 'button', class: 'room', 'data-room': name, onclick: () => open(name) },
      el('span', { class: 'room-name' }, hash, el('bdi', {}, name)),
      this.#about,
      this.#count,
    );
    this.element = el('li', {}, this.#button);
  }

  /** @param {import('./room.js').Room} room @param {import('./chat.js').Chat} chat @param {boolean} isOpen */
  render(room, chat, isOpen) {
    const unread = room.joined ? room.state.unread(chat.user?.id ?? '') : 0;
    this.#count.hidden = unread === 0;
    fill(this.#count, unreadText(unread), el('span', { class: 'sr-only' }, ' unread'));
    this.#button.classList.toggle('has-unread', unread > 0);
    if (isOpen) this.#button.setAttribute('aria-current', 'true');
    else this.#button.removeAttribute('aria-current');
    const hasDraft = !isOpen && chat.drafts !== null && chat.drafts.of(room.name) !== '';
    this.#about.textContent = hasDraft ? 'Draft' : room.joined ? room.description : `Not joined · ${room.description}`;
  }
}
