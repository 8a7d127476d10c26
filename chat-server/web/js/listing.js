// The rooms as the server lists them, with what is held of each. Pure.
// @ts-check
import { Room } from './room.js';

/**
 * Rooms that stay keep what is held of them. One that is listed no more stays as long as something for it is unsent.
 * @param {Map<string, Room>} before
 * @param {import('./wire.js').RoomInfo[]} listed
 * @param {import('./outbox.js').Outbox | null} outbox
 * @returns {Map<string, Room>} by name, in the order of the server
 */
export function roomsListed(before, listed, outbox) {
  /** @type {Map<string, Room>} */
  const rooms = new Map();
  for (const info of listed) {
    const room = before.get(info.name);
    room?.listed(info);
    rooms.set(info.name, room ?? new Room(info));
  }
  for (const { room: name, status } of [...(outbox?.entries ?? [])]) {
    if (rooms.has(name)) continue;
    // Nobody will see its message any more, but it is stored.
    if (status === 'acked') outbox?.settledUpTo(name, Infinity);
    else rooms.set(name, Room.gone(name, before.get(name)));
  }
  return rooms;
}
