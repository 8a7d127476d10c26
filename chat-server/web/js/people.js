// Who is in a room, who of them is online, who is typing. Pure; time comes in as a number.
// @ts-check

/** @typedef {import('./wire.js').User} User */
/** @typedef {import('./wire.js').Participant} Participant */

/** A signal may be late by this much before a typist is taken off the line. */
const TYPING_SLACK_MS = 1000;
/** People that are kept of a room, as many as the server lists. */
const LISTED_MAX = 200;

export class People {
  /** By user id. At most 200 come from the server, those online first. @type {Map<string, Participant>} */
  #participants = new Map();
  members = 0;
  online = 0;

  /**
   * A snapshot, from `room_joined`.
   * @param {{participants: Participant[], members: number, online: number}} event
   */
  replace(event) {
    this.#participants = new Map(event.participants.map((participant) => [participant.user.id, participant]));
    this.#count(event);
  }

  /**
   * Who is online, from `presence`: whoever else is known is not.
   * @param {{participants: Participant[], members: number, online: number}} event
   */
  onlineAre(event) {
    for (const participant of this.#participants.values()) participant.is_online = false;
    for (const participant of event.participants) this.#participants.set(participant.user.id, participant);
    this.#bound();
    this.#count(event);
  }

  /** @param {{user: User, members: number, online: number}} event */
  joined(event) {
    this.#participants.set(event.user.id, { user: event.user, is_online: true });
    this.#bound();
    this.#count(event);
  }

  /** @param {{user: User, reason: string, members: number, online: number}} event */
  left(event) {
    if (event.reason === 'offline') this.#participants.set(event.user.id, { user: event.user, is_online: false });
    else this.#participants.delete(event.user.id);
    this.#bound();
    this.#count(event);
  }

  /** Lets some go when they are too many, those who are offline first. */
  #bound() {
    const surplus = this.#participants.size - LISTED_MAX;
    if (surplus <= 0) return;
    const offlineFirst = [...this.listed(false), ...this.listed(true)];
    for (const { user } of offlineFirst.slice(0, surplus)) this.#participants.delete(user.id);
  }

  /** @param {boolean} isOnline */
  listed(isOnline) {
    return [...this.#participants.values()]
      .filter((participant) => participant.is_online === isOnline)
      .sort((a, b) => nameOf(a.user).localeCompare(nameOf(b.user)));
  }

  /** @param {{members: number, online: number}} event */
  #count({ members, online }) {
    this.members = members;
    this.online = online;
  }
}

export class Typists {
  /** @type {Map<string, {user: User, untilMs: number}>} */
  #typing = new Map();

  /** @param {User} user @param {number} now @param {number} expiryMs */
  started(user, now, expiryMs) {
    this.#typing.set(user.id, { user, untilMs: now + expiryMs + TYPING_SLACK_MS });
  }

  /** @param {string | undefined} userId */
  stopped(userId) {
    if (userId !== undefined) this.#typing.delete(userId);
  }

  clear() {
    this.#typing.clear();
  }

  /** @param {number} now */
  names(now) {
    for (const [id, { untilMs }] of this.#typing) if (untilMs <= now) this.#typing.delete(id);
    return Array.from(this.#typing.values(), ({ user }) => nameOf(user));
  }

  /** Milliseconds until the first typist falls silent, or null. @param {number} now */
  waitMs(now) {
    const untils = Array.from(this.#typing.values(), ({ untilMs }) => untilMs);
    return untils.length > 0 ? Math.max(0, Math.min(...untils) - now) : null;
  }
}

/** @param {User} user */
export function nameOf(user) {
  return user.display_name || user.username;
}

/**
 * "Ann is typing", "Ann, Bob and 2 others are typing", or nothing.
 * @param {string[]} names
 */
export function typingText(names) {
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing`;
  const others = names.length - 2;
  return `${names[0]}, ${names[1]} and ${others} ${others === 1 ? 'other' : 'others'} are typing`;
}
