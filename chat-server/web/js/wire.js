// The wire as the page knows it: the shapes of what the server sends, the subprotocol, and the limits to assume.
// @ts-check

/**
 * @typedef {{id: string, username: string, display_name: string}} User
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {number} seq its birth, its place in the room's order
 * @property {number} changed_seq its last change
 * @property {User | null} user null for some `system` messages
 * @property {string} body
 * @property {'text' | 'system' | 'join' | 'leave'} kind
 * @property {number} created_at Unix milliseconds
 * @property {number | null} edited_at
 * @property {string | null} key the sender's idempotency key
 *
 * @typedef {{user: User, is_online: boolean, last_active?: number | null}} Participant
 *
 * @typedef {object} RoomInfo
 * @property {string} name
 * @property {string} description
 * @property {string} kind
 * @property {boolean} joined
 * @property {number} last_seq
 * @property {number} read_seq
 * @property {number} unread stops at 100
 * @property {number} members
 * @property {number} online
 *
 * @typedef {object} RoomJoined
 * @property {string} room
 * @property {string} epoch
 * @property {number} last_seq
 * @property {number} members
 * @property {number} online
 * @property {Participant[]} participants
 * @property {Message[]} messages
 * @property {boolean} has_more older messages exist before the first one here
 * @property {boolean} reset
 *
 * @typedef {object} Limits
 * @property {number} body_bytes_max
 * @property {number} frame_bytes_max
 * @property {number} history_limit_max
 * @property {number} typing_start_interval_ms
 * @property {number} typing_expiry_ms
 *
 * @typedef {object} Session where somebody is signed in
 * @property {string} id
 * @property {string | null} device what it calls itself
 * @property {number} created_at Unix milliseconds
 * @property {number} last_seen_at Unix milliseconds
 * @property {number} expires_at Unix milliseconds
 * @property {boolean} is_current
 *
 * @typedef {{code: string, message: string, retry_after_ms?: number}} WireError
 *
 * @typedef {Record<string, any> & {type: string, re?: string}} Frame
 */

export const SUBPROTOCOL = 'chat.v1';

/** @type {Limits} */
export const LIMITS_ASSUMED = {
  body_bytes_max: 8192,
  frame_bytes_max: 65536,
  history_limit_max: 100,
  typing_start_interval_ms: 3000,
  typing_expiry_ms: 6000,
};

/** What the server counts up to; a client shows 99+. */
export const UNREAD_MAX = 100;

const CLOSES_THAT_RECONNECT = new Set([1001, 1006, 1011, 1012, 1013]);
const CLOSES_THAT_END = new Set([1002, 1003, 1007, 1008, 1009]);

/**
 * Whether a socket closed with this code is opened again. Codes the contract does not name are network weather.
 * @param {number} code
 */
export function mayReconnect(code) {
  if (CLOSES_THAT_RECONNECT.has(code)) return true;
  return !CLOSES_THAT_END.has(code) && !(code >= 4500 && code <= 4999);
}
