// Draws one row of the message list: a day, the unread line, a message, a message on its way.
// @ts-check
import { el } from './el.js';
import { avatar, clockTime, dayName, fullTime } from './format.js';
import { nameOf } from './people.js';

/** @typedef {import('./message-rows.js').Row} Row */
/** @typedef {{retry(key: string): void, discard(key: string): void}} EntryActions */

const LINK = /https?:\/\/[^\s<>"']+/giu;
/** Characters that do not show, or turn a text around: with them an address would not lead where it seems to. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;
/** Marks that end a sentence more often than an address. */
const AFTER_LINK = /[.,;:!?)\]}»”’\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]+$/u;

/** @param {Row} row @param {EntryActions} actions @returns {HTMLLIElement} */
export function rowView(row, actions) {
  switch (row.type) {
    case 'day':
      return el('li', { class: 'day' }, el('span', {}, dayName(row.at)));
    case 'unread':
      return el('li', { class: 'unread-line' }, el('span', {}, 'New messages'));
    case 'message':
      return row.message.kind === 'text' ? messageView(row) : noteView(row.message);
    case 'entry':
      return entryView(row, actions);
  }
}

/** @param {import('./message-rows.js').MessageRow} row */
function messageView({ message, isOwn, follows }) {
  const time = el(
    'time',
    { datetime: new Date(message.created_at).toISOString(), title: fullTime(message.created_at) },
    clockTime(message.created_at),
  );
  const edited = message.edited_at !== null && message.edited_at !== undefined;
  return bubble({
    classes: `message ${isOwn ? 'own' : 'others'} ${follows ? 'follows' : ''}`,
    author: isOwn ? null : message.user,
    follows,
    body: message.body === '' ? [el('em', {}, 'This message was deleted.')] : bodyNodes(message.body),
    foot: [edited && 'edited · ', time],
    id: message.id,
  });
}

/** @param {import('./message-rows.js').EntryRow} row @param {EntryActions} actions */
function entryView({ entry, follows }, { retry, discard }) {
  const failed = entry.status === 'failed';
  const foot = failed
    ? [
        el('span', { class: 'problem', role: 'alert' }, `Not sent: ${entry.reason ?? 'the server refused it'}`),
        el('button', { type: 'button', class: 'small', onclick: () => retry(entry.key) }, 'Retry'),
        el('button', { type: 'button', class: 'small', onclick: () => discard(entry.key) }, 'Delete'),
      ]
    : [entry.status === 'acked' ? clockTime(entry.at) : 'Sending…'];
  return bubble({
    classes: `message own ${follows ? 'follows' : ''} ${entry.status === 'acked' ? '' : entry.status === 'failed' ? 'failed' : 'pending'}`,
    author: null,
    follows,
    body: bodyNodes(entry.body),
    foot,
    id: null,
  });
}

/**
 * @param {object} parts
 * @param {string} parts.classes
 * @param {import('./wire.js').User | null} parts.author shown beside the bubble; null for one's own
 * @param {boolean} parts.follows
 * @param {import('./el.js').Child[]} parts.body
 * @param {import('./el.js').Child[]} parts.foot
 * @param {string | null} parts.id
 */
function bubble({ classes, author, follows, body, foot, id }) {
  const name = author
    ? el('p', { class: follows ? 'author sr-only' : 'author' }, el('bdi', { class: 'name' }, nameOf(author)), ' ', handle(author))
    : el('p', { class: 'author sr-only' }, 'You');
  return el(
    'li',
    { class: classes, 'data-message-id': id },
    author && (follows ? el('span', { class: 'avatar-gap' }) : avatar(author)),
    el(
      'div',
      { class: 'bubble' },
      name,
      el('div', { class: 'body', dir: 'auto' }, ...body),
      el('p', { class: 'foot' }, ...foot),
    ),
  );
}

/** "Ann joined the room", or a word of the system. @param {import('./wire.js').Message} message */
function noteView(message) {
  const isAboutSomeone = message.user && message.kind !== 'system';
  return el(
    'li',
    { class: `note ${message.kind}`, 'data-message-id': message.id, title: fullTime(message.created_at) },
    isAboutSomeone && message.user && el('bdi', {}, nameOf(message.user)),
    isAboutSomeone && ' ',
    el('span', { dir: 'auto' }, message.body),
  );
}

/** @param {import('./wire.js').User} user */
export function handle(user) {
  return el('bdi', { class: 'handle' }, `@${user.username}`);
}

/**
 * The text with its http and https addresses as links; what a link shows is where it leads.
 * @param {string} text
 * @returns {import('./el.js').Child[]}
 */
export function bodyNodes(text) {
  /** @type {import('./el.js').Child[]} */
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const address = match[0].replace(AFTER_LINK, '');
    if (UNSEEN.test(address) || !isAddress(address)) continue;
    nodes.push(text.slice(end, match.index));
    nodes.push(el('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow ugc', dir: 'ltr' }, address));
    end = match.index + address.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

/** Whether a browser would follow it. @param {string} text */
function isAddress(text) {
  try {
    return new URL(text).host !== '';
  } catch {
    return false;
  }
}
