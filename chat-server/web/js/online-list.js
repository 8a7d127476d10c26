// Who is in the room: those online first, the user name beside the display name.
// @ts-check
import { el, fill } from './el.js';
import { avatar } from './format.js';
import { handle } from './message-view.js';
import { nameOf } from './people.js';

export class OnlineList {
  #online = el('ul', { class: 'people online', 'aria-labelledby': 'online-title' });
  #onlineTitle = el('h3', { id: 'online-title' });
  #offline = el('ul', { class: 'people offline', 'aria-labelledby': 'offline-title' });
  #offlineTitle = el('h3', { id: 'offline-title' });
  #more = el('p', { class: 'more' });
  element = el(
    'div',
    { class: 'online-list', tabindex: 0, role: 'group', 'aria-label': 'Members' },
    this.#onlineTitle,
    this.#online,
    this.#offlineTitle,
    this.#offline,
    this.#more,
  );

  /** @param {import('./room.js').Room | null} room @param {string} userId */
  render(room, userId) {
    this.element.hidden = !room?.joined;
    if (!room) return;
    const { people } = room;
    const online = people.listed(true);
    const offline = people.listed(false);
    this.#onlineTitle.textContent = `Online (${people.online})`;
    this.#offlineTitle.textContent = `Offline (${Math.max(0, people.members - people.online)})`;
    this.#offlineTitle.hidden = offline.length === 0;
    this.#offline.hidden = offline.length === 0;
    fill(this.#online, ...online.map((participant) => person(participant, userId)));
    fill(this.#offline, ...offline.map((participant) => person(participant, userId)));
    const others = people.members - online.length - offline.length;
    this.#more.textContent = others > 0 ? `and ${others} more` : '';
  }
}

/** @param {import('./wire.js').Participant} participant @param {string} userId */
function person({ user, is_online }, userId) {
  return el(
    'li',
    { class: 'person', 'data-username': user.username },
    el('span', { class: `face ${is_online ? 'is-online' : ''}` }, avatar(user)),
    el(
      'span',
      { class: 'who' },
      el('span', {}, el('bdi', { class: 'name' }, nameOf(user))),
      el('span', {}, handle(user), user.id === userId && ' · you'),
    ),
  );
}
