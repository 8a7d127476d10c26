// The frame of the page: rooms, messages and people as three panes, one at a time on a phone.
// @ts-check
import { el } from './el.js';
import { icon } from './icons.js';

/** @typedef {'rooms' | 'messages' | 'people'} Pane */

/** From here on rooms and messages stand side by side. */
const wide = matchMedia('(min-width: 720px)');
/** Where the focus of a text brings up no keyboard over half of the screen. */
const pointed = matchMedia('(pointer: fine)');

export class Layout {
  roomName = el('h2', { class: 'room-title' });
  roomAbout = el('p', { class: 'room-topic', dir: 'auto' });
  userBox = el('div', { class: 'user-box' });
  /** Stands in place of the messages while there is no room to show. */
  empty = el('p', { class: 'empty-state', tabindex: -1 });
  #peopleButton = iconButton({ name: 'people', label: 'Members', class: 'people-button', press: () => this.#togglePeople() });
  #peopleClose = iconButton({ name: 'close', label: 'Back to the messages', class: 'people-close', press: () => this.#togglePeople() });
  leaveButton = el('button', { type: 'button', class: 'small leave' }, 'Leave room');
  leaveProblem = el('p', { class: 'problem leave-problem', role: 'alert' });
  element;
  #panes;
  #peoplePane;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.banner
   * @param {HTMLElement} parts.rooms
   * @param {HTMLElement[]} parts.messages
   * @param {HTMLElement} parts.people
   * @param {() => void} parts.back
   */
  constructor({ banner, rooms, messages, people, back }) {
    const roomsPane = el(
      'nav',
      { class: 'pane rooms-pane', 'aria-label': 'Rooms' },
      el('header', { class: 'pane-header' }, el('h2', {}, 'Rooms')),
      rooms,
      this.userBox,
    );
    const messagesPane = el(
      'section',
      { class: 'pane messages-pane', 'aria-label': 'Conversation' },
      el(
        'header',
        { class: 'pane-header' },
        iconButton({ name: 'back', label: 'Back to the rooms', class: 'back-button', press: back }),
        el('div', { class: 'room-heading' }, this.roomName, this.roomAbout),
        this.#peopleButton,
      ),
      this.empty,
      ...messages,
    );
    this.#peoplePane = el(
      'section',
      { class: 'pane people-pane', 'aria-label': 'Members of the room' },
      el('header', { class: 'pane-header' }, el('h2', {}, 'Members'), this.#peopleClose),
      people,
      this.leaveButton,
      this.leaveProblem,
    );
    this.#panes = el('main', { class: 'panes', 'data-pane': 'rooms' }, roomsPane, messagesPane, this.#peoplePane);
    const top = el('header', { class: 'top' }, el('h1', { class: 'sr-only' }, 'Chat'), banner);
    this.element = el('div', { class: 'frame' }, top, this.#panes);
  }

  /** @returns {Pane} */
  get pane() {
    return /** @type {Pane} */ (this.#panes.dataset.pane);
  }

  /** @param {Pane} pane */
  set pane(pane) {
    this.#panes.dataset.pane = pane;
  }

  get showsMessages() {
    return wide.matches || this.pane === 'messages';
  }

  get isWide() {
    return wide.matches;
  }

  /** Whether there are members to show, and to be one of. @param {boolean} hasPeople */
  set hasPeople(hasPeople) {
    this.#peopleButton.hidden = !hasPeople;
    this.leaveButton.hidden = !hasPeople;
  }

  /** Whether people write here on keys of their own. */
  get hasKeyboard() {
    return wide.matches && pointed.matches;
  }

  /** There is no room any more whose people could be shown: what is said instead gets the focus that they had. */
  hidePeople() {
    const hadFocus = this.#peoplePane.contains(/** @type {ShadowRoot} */ (this.element.getRootNode()).activeElement);
    if (this.pane === 'people') this.pane = 'messages';
    if (hadFocus) this.empty.focus();
  }

  #togglePeople() {
    const opens = this.pane !== 'people';
    this.pane = opens ? 'people' : 'messages';
    (opens ? this.#peopleClose : this.#peopleButton).focus();
  }
}

/** @param {{name: Parameters<typeof icon>[0], label: string, class: string, press: () => void}} options */
function iconButton({ name, label, class: kind, press }) {
  return el('button', { type: 'button', class: `icon-button ${kind}`, 'aria-label': label, onclick: press }, icon(name));
}

/**
 * Keeps the frame as high as what the on-screen keyboard leaves free, where the browser does not do so by itself.
 * @param {HTMLElement} host
 */
export function fitAboveKeyboard(host) {
  const viewport = window.visualViewport;
  viewport?.addEventListener('resize', () => {
    const isCovered = viewport.scale === 1 && viewport.height < innerHeight - 1;
    host.style.height = isCovered ? `${viewport.height}px` : '';
  });
}
