// One room on the page: what the list says of it, its messages, its people, and whether it is live.
// @ts-check
import { People, Typists } from './people.js';
import { RoomState } from './room-state.js';

/** What a person is told when they are no longer in a room, by the reason. @type {Map<string, string>} */
const LEFT_TEXTS = new Map([
  ['left', 'You left this room.'],
  ['removed', 'You were removed from this room.'],
  ['archived', 'This room was archived.'],
]);

const NO_LONGER_TEXT = 'You are no longer in this room.';
const GONE_TEXT = 'There is no such room any more.';

export class Room {
  state = new RoomState();
  people = new People();
  typists = new Typists();
  /** Joined on the present connection: live events arrive. */
  live = false;
  joining = false;
  /** The highest number that arrived behind a hole. */
  aheadSeq = 0;
  /** A page of history is on its way. */
  paging = false;
  /** The highest number told to the server as read on the present connection. */
  markedSeq = 0;
  /** Why the room cannot be shown, for people. @type {string | null} */
  problem = null;
  /** The server doesn't list it any more. */
  isGone = false;
  /** The server that was to be joined has not heard of the room yet, which is so new. */
  isUnheardOf = false;
  #info;

  /**
   * A room that the server doesn't list any more, for what could not be sent to it.
   * @param {string} name
   * @param {Room} [held] what was known of it
   */
  static gone(name, held) {
    const nothing = { kind: 'open', joined: false, members: 0, online: 0, last_seq: 0, read_seq: 0, unread: 0 };
    const room = held ?? new Room({ name, description: GONE_TEXT, ...nothing });
    if (!room.isGone && room.problem === null) room.left(GONE_TEXT);
    room.isGone = true;
    return room;
  }

  /** @param {import('./wire.js').RoomInfo} info */
  constructor(info) {
    this.#info = info;
    this.listed(info);
  }

  get name() {
    return this.#info.name;
  }

  get description() {
    return this.#info.description;
  }

  get joined() {
    return this.#info.joined;
  }

  set joined(joined) {
    this.#info.joined = joined;
  }

  /** @param {import('./wire.js').RoomInfo} info */
  listed(info) {
    const wasJoined = this.joined;
    this.#info = info;
    this.isGone = false;
    if (this.isUnheardOf) this.problem = null;
    this.isUnheardOf = false;
    // Left on another device while there was no connection that could say so.
    if (wasJoined && !info.joined && !this.live) this.left(NO_LONGER_TEXT);
    this.state.listed(info);
    if (this.live) return;
    this.people.members = info.members;
    this.people.online = info.online;
  }

  /** Whether a number arrived behind a hole that joining again did not fill; asked once. */
  missedSomething() {
    const missed = this.aheadSeq > (this.state.lastSeq ?? 0);
    this.aheadSeq = 0;
    return missed;
  }

  /** Somebody became present or absent. @param {any} event `user_joined`, `user_left` or `presence` */
  presence(event) {
    if (event.type === 'presence') this.people.onlineAre(event);
    else if (event.type === 'user_joined') this.people.joined(event);
    else {
      this.people.left(event);
      this.typists.stopped(event.user?.id);
    }
  }

  /** @param {any} event `user_typing` @param {number} now @param {number} expiryMs */
  typing(event, now, expiryMs) {
    if (event.is_typing) this.typists.started(event.user, now, expiryMs);
    else this.typists.stopped(event.user?.id);
  }

  /** The connection is gone: what was held stays, what was ephemeral goes. */
  disconnected() {
    this.live = false;
    this.joining = false;
    this.markedSeq = 0;
    this.aheadSeq = 0;
    this.typists.clear();
  }

  /** The membership ended. @param {string} reason */
  ended(reason) {
    this.left(LEFT_TEXTS.get(reason) ?? NO_LONGER_TEXT);
  }

  /** The membership is gone, and with it the right to what was held. @param {string} problem */
  left(problem) {
    this.disconnected();
    this.joined = false;
    this.problem = problem;
    this.state = new RoomState();
    this.people = new People();
  }
}
