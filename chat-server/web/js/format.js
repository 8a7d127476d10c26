// Times and faces in the reader's own language and time zone.
// @ts-check
import { el } from './el.js';
import { nameOf } from './people.js';

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const oldDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const TONES = 8;

/** @param {number} at */
export function clockTime(at) {
  return clock.format(at);
}

/** @param {number} at */
export function fullTime(at) {
  return full.format(at);
}

/** @param {number} at */
export function fullDate(at) {
  return day.format(at);
}

/** "now", "5 minutes ago", "yesterday". @param {number} at @param {number} now */
export function timeAgo(at, now) {
  const ms = Math.max(0, now - at);
  if (ms < MINUTE_MS) return relative.format(0, 'second');
  if (ms < HOUR_MS) return relative.format(-Math.floor(ms / MINUTE_MS), 'minute');
  if (ms < DAY_MS) return relative.format(-Math.floor(ms / HOUR_MS), 'hour');
  return relative.format(-Math.floor(ms / DAY_MS), 'day');
}

/** "Today", "Yesterday", "Sunday, November 22", or with the year when that is another one. @param {number} at */
export function dayName(at) {
  const days = Math.round((midnight(at) - midnight(Date.now())) / DAY_MS);
  if (days === 0 || days === -1) {
    const name = relative.format(days, 'day');
    return name.charAt(0).toLocaleUpperCase() + name.slice(1);
  }
  const isThisYear = new Date(at).getFullYear() === new Date().getFullYear();
  return (isThisYear ? weekday : oldDay).format(at);
}

/** @param {number} unread */
export function unreadText(unread) {
  return unread > 99 ? '99+' : String(unread);
}

/** The first letter of the name on a colour of its own. @param {import('./wire.js').User} user */
export function avatar(user) {
  const [letter = '?'] = Array.from(nameOf(user).trim());
  return el('span', { class: `avatar tone-${toneOf(user.id)}`, 'aria-hidden': 'true' }, letter.toLocaleUpperCase());
}

/** @param {string} id */
function toneOf(id) {
  let sum = 0;
  for (const character of id) sum = (sum * 31 + character.charCodeAt(0)) % 9973;
  return sum % TONES;
}

/** Calls when "today" is yesterday, each night. @param {() => void} call @returns {() => void} ends it */
export function everyMidnight(call) {
  let timer = 0;
  const wait = () => {
    timer = setTimeout(() => {
      call();
      wait();
    }, new Date().setHours(24, 0, 0, 0) - Date.now());
  };
  wait();
  return () => clearTimeout(timer);
}

/** @param {number} at */
function midnight(at) {
  return new Date(at).setHours(0, 0, 0, 0);
}
