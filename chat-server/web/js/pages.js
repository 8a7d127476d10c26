// Pages of a room's history: one request at a time per room, each page joined to what is held.
// @ts-check
import { ask } from './ask.js';

/** @typedef {import('./wire.js').Message} Message */
/** @typedef {import('./room.js').Room} Room */
/** @typedef {import('./connection.js').Connection} Connection */

const OLDER_PAGE_MESSAGES = 50;
/** A page of newer messages is asked as a span of numbers, because the wire pages only backwards. */
const NEWER_PAGE_NUMBERS = 100;

/**
 * Loads the messages before the held ones.
 * @param {Connection} connection
 * @param {Room} room
 * @returns {Promise<boolean>} whether the room's messages changed
 */
export function loadOlder(connection, room) {
  const before = room.state.messages[0]?.seq;
  if (!room.state.hasMore || before === undefined) return Promise.resolve(false);
  return alone(room, async () => {
    const page = await history(connection, room, before, OLDER_PAGE_MESSAGES);
    return page && (() => room.state.prepend(page.messages, page.has_more, before));
  });
}

/**
 * Loads the messages after the held ones, when newer ones were let go.
 * @param {Connection} connection
 * @param {Room} room
 * @returns {Promise<boolean>} whether the room's messages changed
 */
export function loadNewer(connection, room) {
  const from = room.state.heldUpTo;
  if (from === null) return Promise.resolve(false);
  return alone(room, async () => {
    // Not beyond the room's end: what comes there meanwhile may be missing in the page and is not held either.
    const upTo = Math.min(from + NEWER_PAGE_NUMBERS, room.state.lastSeq ?? from);
    /** @type {Message[]} */
    let messages = [];
    for (let before = upTo + 1; before > from + 1; ) {
      const page = await history(connection, room, before, NEWER_PAGE_NUMBERS);
      if (!page) return null;
      messages = [...page.messages, ...messages];
      before = page.messages[0]?.seq ?? 0;
    }
    return () => room.state.append(messages, upTo);
  });
}

/**
 * Runs one load of the room at a time, and takes its result only while the room is still what it was.
 * @param {Room} room
 * @param {() => Promise<(() => void) | null>} load
 */
async function alone(room, load) {
  if (room.paging) return false;
  room.paging = true;
  const { state } = room;
  const { epoch, generation } = state;
  try {
    const take = await load();
    if (!take || room.state !== state || state.epoch !== epoch || state.generation !== generation) return false;
    take();
    return true;
  } finally {
    room.paging = false;
  }
}

/**
 * @param {Connection} connection
 * @param {Room} room
 * @param {number} before
 * @param {number} limit
 * @returns {Promise<{messages: Message[], has_more: boolean} | null>} null when it cannot be had
 */
async function history(connection, room, before, limit) {
  const { state } = room;
  try {
    const frame = { type: 'get_history', room: room.name, before, limit };
    const page = await ask(connection, frame, () => room.state === state);
    return { messages: page.messages, has_more: page.has_more };
  } catch {
    return null;
  }
}
