// <fitness-chat>: the chat as one element. Wires the parts: what changes is drawn, what is pressed is done.
// @ts-check
import { Account } from './account.js';
import { leaveRoomAddress, pushRoom, replaceRoom, roomInAddress } from './address.js';
import { Announcer } from './announcer.js';
import { Chat } from './chat.js';
import { Composer } from './composer.js';
import { RequestError } from './connection.js';
import { ConnectionBanner } from './connection-banner.js';
import { el, fill } from './el.js';
import { avatar, everyMidnight } from './format.js';
import { icon } from './icons.js';
import { Layout, fitAboveKeyboard } from './layout.js';
import { MessageList } from './message-list.js';
import { handle } from './message-view.js';
import { OnlineList } from './online-list.js';
import { nameOf } from './people.js';
import { RoomList } from './room-list.js';
import { SignOut } from './sign-out.js';
import { browserStore } from './store.js';
import { TypingLine } from './typing-line.js';

/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./chat.js').Change} Change */

const STYLES = ['theme', 'controls', 'layout', 'lists', 'messages', 'account'];
/** After these the way on leads over the sign-in page. */
const SIGN_IN_CODES = new Set([4500, 4501, 4502, 4503]);
/** A hidden page draws no frames, and has its title and its counts all the same. */
const HIDDEN_DRAW_MS = 250;

export class FitnessChat extends HTMLElement {
  #chat = new Chat({
    url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`,
    store: browserStore,
    changed: (change, room) => this.#changed(change, room),
    arrived: (room, message) => this.#arrived(room, message),
  });
  #banner = new ConnectionBanner({ retryNow: () => this.#chat.connection.retryNow() });
  #rooms = new RoomList({ open: (name) => this.#pick(name) });
  #list = new MessageList({
    chat: this.#chat,
    content: () => ({ unreadAfter: this.#unreadAfter }),
    moved: () => this.#markRead(),
  });
  #typing = new TypingLine();
  #composer = new Composer({ chat: this.#chat, sent: () => this.#list.toEnd() });
  #people = new OnlineList();
  #announcer = new Announcer();
  #signOut = new SignOut(this.#chat);
  #account = new Account({ signOut: () => this.#signOut.start() });
  #layout = new Layout({
    banner: this.#banner.element,
    rooms: this.#rooms.element,
    messages: [this.#list.element, this.#typing.element, this.#composer.element],
    people: this.#people.element,
    back: () => leaveRoomAddress(() => this.#followAddress()),
  });
  /** @type {string | null} */
  #openName = null;
  /** Where the line between read and unread stands while this room is open. @type {number | null} */
  #unreadAfter = null;
  /** What to draw in the next frame; `unread` are messages of a room that is not open. @type {Set<Change | 'unread'>} */
  #dirty = new Set();
  #hasAddress = false;
  #stopDays = () => {};
  /** The box is drawn anew only for another name: its buttons keep the focus over a reconnect. */
  #drawnUser = '';

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const styles = STYLES.map((name) => el('link', { rel: 'stylesheet', href: new URL(`../css/${name}.css`, import.meta.url).href }));
    this.#layout.element.hidden = true;
    Promise.all(styles.map(settled)).then(() => {
      this.#layout.element.hidden = false;
    });
    root.append(...styles, this.#layout.element, this.#account.element, this.#signOut.element, this.#announcer.element);
    this.#layout.leaveButton.addEventListener('click', () => this.#leave());
  }

  connectedCallback() {
    addEventListener('popstate', this.#followAddress);
    addEventListener('focus', this.#attended);
    addEventListener('blur', this.#unattended);
    addEventListener('pagehide', this.#keep);
    document.addEventListener('visibilitychange', this.#attended);
    fitAboveKeyboard(this);
    this.#show(null);
    this.#chat.connection.start();
    this.#stopDays = everyMidnight(() => this.#changed('messages', this.#room ?? undefined));
  }

  disconnectedCallback() {
    removeEventListener('popstate', this.#followAddress);
    removeEventListener('focus', this.#attended);
    removeEventListener('blur', this.#unattended);
    removeEventListener('pagehide', this.#keep);
    document.removeEventListener('visibilitychange', this.#attended);
    this.#stopDays();
    this.#chat.connection.stop();
  }

  get #room() {
    return this.#openName === null ? null : (this.#chat.rooms.get(this.#openName) ?? null);
  }

  /** Many changes in one frame are drawn once. @param {Change} change @param {Room} [room] */
  #changed(change, room) {
    if (change === 'connection') this.#connectionChanged();
    if (change === 'rooms' && !this.#hasAddress && this.#chat.roomsKnown) this.#openFirst();
    const isElsewhere = room !== undefined && room !== this.#room;
    if (isElsewhere && (change === 'people' || change === 'typing')) return;
    if (this.#dirty.size === 0) {
      if (document.hidden) setTimeout(() => this.#draw(), HIDDEN_DRAW_MS);
      else requestAnimationFrame(() => this.#draw());
    }
    this.#dirty.add(isElsewhere && change === 'messages' ? 'unread' : change);
  }

  #draw() {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    const room = this.#room;
    // The room of the address may have come into the list just now.
    if (dirty.has('rooms') && room && !room.joined && room.problem === null) this.#chat.open(room);
    if (dirty.has('rooms')) this.#drawHeading();
    if (dirty.has('user')) this.#drawUser();
    if (dirty.has('messages') || dirty.has('rooms')) this.#list.render();
    if (dirty.has('people') || dirty.has('rooms')) this.#people.render(room, this.#chat.user?.id ?? '');
    if (dirty.has('typing') || dirty.has('messages') || dirty.has('connection')) this.#typing.render(room);
    if (dirty.has('messages') || dirty.has('rooms') || dirty.has('unread')) this.#drawRooms();
    this.#markRead();
  }

  #drawRooms() {
    this.#rooms.render(this.#chat, this.#openName);
    const userId = this.#chat.user?.id ?? '';
    const unread = [...this.#chat.rooms.values()].reduce((sum, { joined, state }) => sum + (joined ? state.unread(userId) : 0), 0);
    this.dispatchEvent(new CustomEvent('unread', { detail: { unread } }));
  }

  #drawHeading() {
    const room = this.#room;
    fill(this.#layout.roomName, room ? el('bdi', {}, room.name) : 'No room');
    this.#layout.roomAbout.textContent = room?.description ?? '';
    this.#layout.empty.textContent = this.#emptyText(room);
    const hasRoom = room !== null && (room.joined || room.problem === null);
    this.#layout.empty.hidden = hasRoom;
    // What could not be sent to a room stays in reach when the room is gone.
    this.#list.element.hidden = !hasRoom && (room === null || !this.#chat.hasUnsent(room));
    this.#composer.element.hidden = !hasRoom;
    // Before the button goes that may have the focus.
    if (room && !hasRoom) this.#layout.hidePeople();
    this.#layout.hasPeople = room?.joined ?? false;
    if (!room?.joined) this.#layout.leaveProblem.textContent = '';
  }

  /** @param {Room | null} room */
  #emptyText(room) {
    if (room) return room.problem ?? '';
    if (!this.#chat.roomsKnown) return 'Loading…';
    return this.#openName === null ? 'Choose a room to read and write in it.' : 'There is no such room.';
  }

  #drawUser() {
    const { user } = this.#chat;
    const version = JSON.stringify(user);
    if (!user || version === this.#drawnUser) return;
    this.#drawnUser = version;
    fill(
      this.#layout.userBox,
      el(
        'button',
        { type: 'button', class: 'account-button', title: 'Your account', onclick: () => this.#account.open(user) },
        avatar(user),
        el('span', { class: 'who' }, el('bdi', { class: 'name' }, nameOf(user)), handle(user)),
        el('span', { class: 'sr-only' }, 'Your account'),
        icon('account'),
      ),
      el('button', { type: 'button', class: 'icon-button', 'aria-label': 'Sign out', title: 'Sign out', onclick: () => this.#signOut.start() }, icon('signOut')),
    );
  }

  #connectionChanged() {
    const { state } = this.#chat.connection;
    if (state.name === 'open') this.#signOut.connected();
    if (state.name === 'ended' && this.#signOut.isUnderWay) {
      this.#signOut.ended();
      return;
    }
    if (state.name === 'ended' && SIGN_IN_CODES.has(state.code)) {
      this.#composer.keep();
      location.assign(`/login?closed=${state.code}${location.hash}`);
      return;
    }
    this.#banner.render(state);
  }

  /** The room of the address, or else, where there is place beside the list, the one read last. */
  #openFirst() {
    this.#hasAddress = true;
    if (roomInAddress() === null && this.#layout.isWide) {
      const joined = [...this.#chat.rooms.values()].filter((room) => room.joined);
      const last = browserStore.read(this.#lastRoomName());
      const first = joined.find((room) => room.name === last) ?? joined[0];
      if (first) replaceRoom(first.name);
    }
    this.#followAddress();
  }

  #followAddress = () => {
    if (this.#hasAddress) this.#show(roomInAddress());
  };

  /** @param {string} name */
  #pick(name) {
    if (name !== this.#openName) pushRoom(name);
    this.#show(name);
    if (this.#layout.hasKeyboard) this.#composer.focus();
    else this.#list.focus();
  }

  /** @param {string | null} name */
  #show(name) {
    const isNew = name !== this.#openName;
    this.#openName = name;
    this.#layout.pane = name === null ? 'rooms' : 'messages';
    const room = this.#room;
    if (room) {
      browserStore.write(this.#lastRoomName(), room.name);
      this.#chat.open(room);
    }
    if (isNew || !room) {
      this.#layout.leaveProblem.textContent = '';
      this.#unreadAfter = room && room.state.unread(this.#chat.user?.id ?? '') > 0 ? room.state.readSeq : null;
      this.#composer.show(room);
      this.#drawHeading();
      this.#list.show(room);
    }
    for (const change of /** @type {Change[]} */ (['rooms', 'messages', 'people', 'typing'])) this.#changed(change);
  }

  async #leave() {
    const room = this.#room;
    if (!room) return;
    this.#layout.leaveProblem.textContent = '';
    try {
      await this.#chat.leave(room);
    } catch (error) {
      const isStillIt = room === this.#room && room.joined && error instanceof RequestError;
      if (isStillIt) this.#layout.leaveProblem.textContent = `Leaving failed: ${error.message}`;
    }
  }

  #lastRoomName() {
    return `last-room:${this.#chat.user?.id}`;
  }

  /** @param {Room} room @param {import('./wire.js').Message} message */
  #arrived(room, message) {
    const isOthers = message.user?.id !== this.#chat.user?.id;
    if (room === this.#room && isOthers && message.kind === 'text') this.#announcer.announce(message);
  }

  #attended = () => {
    const room = this.#room;
    if (room && room.state.unread(this.#chat.user?.id ?? '') === 0) this.#unreadAfter = null;
    this.#markRead();
  };

  /** From here on what comes is unread, and the line will say so. */
  #unattended = () => {
    this.#unreadAfter = this.#room?.state.readSeq ?? null;
  };

  /** Read is what a person can see: the page in front, the room open, its end in sight. */
  #markRead() {
    const room = this.#room;
    const isAttended = document.visibilityState === 'visible' && document.hasFocus();
    if (room && isAttended && this.#list.following && this.#layout.showsMessages) this.#chat.markRead(room);
  }

  #keep = () => this.#composer.keep();
}

/** @param {HTMLLinkElement} link @returns {Promise<void>} */
function settled(link) {
  return new Promise((resolve) => {
    link.addEventListener('load', () => resolve());
    link.addEventListener('error', () => resolve());
  });
}

customElements.define('fitness-chat', FitnessChat);
