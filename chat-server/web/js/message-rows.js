// Turns messages into the rows of the list: days, the unread line, authors grouped, unsent ones last. Pure.
// @ts-check
import { countsAsUnread } from './room-state.js';

/** @typedef {import('./wire.js').Message} Message */
/** @typedef {import('./outbox.js').Entry} Entry */
/**
 * @typedef {{type: 'day', key: string, version: string, at: number}} DayRow
 * @typedef {{type: 'unread', key: string, version: string}} UnreadRow
 * @typedef {{type: 'message', key: string, version: string, message: Message, isOwn: boolean, follows: boolean}} MessageRow
 * @typedef {{type: 'entry', key: string, version: string, entry: Entry, follows: boolean}} EntryRow
 * @typedef {DayRow | UnreadRow | MessageRow | EntryRow} Row
 */

/** Messages of one author within this time stand under one name. */
const GROUP_SPAN_MS = 5 * 60_000;

/**
 * @param {object} content
 * @param {Message[]} content.messages
 * @param {Entry[]} content.entries
 * @param {string} content.userId whose page this is
 * @param {number | null} content.unreadAfter the unread line stands before the first unread message above this number
 * @param {number} content.now
 * @returns {Row[]}
 */
export function rowsOf({ messages, entries, userId, unreadAfter, now }) {
  /** @type {Row[]} */
  const rows = [];
  /** Own messages that are here already, whatever the outbox knows. @type {Set<string | null>} */
  const sent = new Set();
  /** A day is called by how long ago it was. */
  const today = dayOf(now);
  let day = '';
  let author = '';
  let previousAt = 0;
  let unreadLineStands = unreadAfter === null;

  /** @param {number} at @param {string} by @param {string} key */
  const place = (at, by, key) => {
    const date = dayOf(at);
    if (date !== day) rows.push({ type: 'day', key: `day:${date}:${key}`, version: today, at });
    const follows = by !== '' && by === author && date === day && at - previousAt < GROUP_SPAN_MS;
    [day, author, previousAt] = [date, by, at];
    return follows;
  };

  for (const message of messages) {
    if (!unreadLineStands && message.seq > (unreadAfter ?? 0) && countsAsUnread(message, userId)) {
      rows.push({ type: 'unread', key: 'unread', version: '' });
      unreadLineStands = true;
      author = '';
    }
    const isOwn = message.user?.id === userId;
    const key = isOwn && message.key !== null ? `key:${message.key}` : `id:${message.id}`;
    const follows = place(message.created_at, message.kind === 'text' ? (message.user?.id ?? '') : '', key);
    if (isOwn) sent.add(message.key);
    rows.push({ type: 'message', key, version: `${message.changed_seq}:${follows}`, message, isOwn, follows });
  }
  for (const entry of entries) {
    if (sent.has(entry.key)) continue;
    const follows = place(entry.at, userId, entry.key);
    rows.push({ type: 'entry', key: `key:${entry.key}`, version: `${entry.status}:${follows}`, entry, follows });
  }
  return rows;
}

/** The calendar day where the reader is. @param {number} at */
function dayOf(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
