// The chat without its looks: follows the wire's events, keeps the rooms, sends what people write.
// @ts-check
import { ask } from './ask.js';
import { Connection, RequestError } from './connection.js';
import { roomsListed } from './listing.js';
import { Outbox } from './outbox.js';
import { loadNewer, loadOlder } from './pages.js';
import { Sender, sendable } from './sender.js';
import { Drafts } from './store.js';
import { LIMITS_ASSUMED } from './wire.js';

/** @typedef {import('./wire.js').Frame} Frame */
/** @typedef {import('./wire.js').Message} Message */
/** @typedef {import('./room.js').Room} Room */
/**
 * What changed, for whoever draws it.
 * @typedef {'connection' | 'user' | 'rooms' | 'messages' | 'people' | 'typing'} Change
 */

/** After an ack the room must have heard of the message within this time. */
const ECHO_LIMIT_MS = 3000;

export class Chat {
  /** @type {import('./wire.js').User | null} */
  user = null;
  limits = LIMITS_ASSUMED;
  /** By name, in the order of the server. @type {Map<string, Room>} */
  rooms = new Map();
  roomsKnown = false;
  /** @type {Outbox | null} */
  outbox = null;
  /** @type {Drafts | null} */
  drafts = null;
  connection;
  #store;
  #changed;
  #arrived;
  /** @type {Sender | null} */
  #sender = null;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {import('./outbox.js').Store} options.store
   * @param {(change: Change, room?: Room) => void} options.changed
   * @param {(room: Room, message: Message) => void} options.arrived a new message came while connected
   */
  constructor({ url, store, changed, arrived }) {
    this.#store = store;
    this.#changed = changed;
    this.#arrived = arrived;
    this.connection = new Connection({
      url,
      onState: (state) => this.#connectionChanged(state),
      onEvent: (event) => this.#handle(event),
    });
  }

  /** @param {string} name @param {string} text */
  send(name, text) {
    const body = sendable(text);
    if (body === '' || !this.outbox) return false;
    this.outbox.add(name, body, Date.now());
    this.#changed('messages', this.rooms.get(name));
    this.#sender?.flush();
    return true;
  }

  /** Opening a room makes its reader a member. @param {Room} room */
  open(room) {
    room.problem = null;
    if (!room.live) this.#join(room);
  }

  /** @param {Room} room */
  hasUnsent(room) {
    return this.outbox !== null && this.outbox.of(room.name).some(({ status }) => status !== 'acked');
  }

  /** @param {Room} room */
  leave(room) {
    return ask(this.connection, { type: 'leave_room', room: room.name }, () => room.joined);
  }

  /** @param {Room} room @param {boolean} isTyping */
  typing(room, isTyping) {
    if (room.live) this.connection.send({ type: isTyping ? 'typing_start' : 'typing_stop', room: room.name });
  }

  /** All that is held of the room has been seen. @param {Room} room */
  markRead(room) {
    const seq = room.state.messages.at(-1)?.seq;
    if (!room.live || seq === undefined || room.state.heldUpTo !== null) return;
    if (seq <= room.state.readSeq || seq <= room.markedSeq) return;
    room.markedSeq = seq;
    room.state.readUpTo(seq, 0);
    ask(this.connection, { type: 'mark_read', room: room.name, seq }, () => room.markedSeq === seq).catch(() => {
      if (room.markedSeq === seq) room.markedSeq = 0;
    });
    this.#changed('rooms');
  }

  /** One more page before the held messages. @param {Room} room */
  async older(room) {
    if (await loadOlder(this.connection, room)) this.#changed('messages', room);
  }

  /** One more page after the held messages, when newer ones were let go. @param {Room} room */
  async newer(room) {
    if (await loadNewer(this.connection, room)) this.#changed('messages', room);
  }

  /** Straight to the end, when newer messages were let go. @param {Room} room */
  newest(room) {
    if (room.state.heldUpTo !== null) this.#join(room, { afresh: true });
  }

  /** @param {string} key */
  retry(key) {
    this.outbox?.retry(key);
    this.#changed('messages');
    this.#sender?.flush();
  }

  /** @param {string} key */
  discard(key) {
    this.outbox?.discard(key);
    for (const room of this.rooms.values()) if (room.isGone && !this.hasUnsent(room)) this.rooms.delete(room.name);
    this.#changed('rooms');
    this.#changed('messages');
  }

  /** @param {import('./connection.js').ConnectionState} state */
  #connectionChanged(state) {
    if (state.name !== 'open') for (const room of this.rooms.values()) room.disconnected();
    this.#changed('connection');
  }

  /** @param {Frame} event */
  #handle(event) {
    const room = this.rooms.get(event.room);
    switch (event.type) {
      case 'status':
        return event.status === 'connected' ? this.#connected(event) : undefined;
      case 'rooms_changed':
        return this.#loadRooms();
      case 'new_message':
      case 'changed':
        return room && this.#durable(room, event);
      case 'user_joined':
      case 'user_left':
      case 'presence':
        room?.presence(event);
        this.#changed('typing', room);
        return this.#changed('people', room);
      case 'user_typing':
        if (event.user?.id === this.user?.id) return undefined;
        room?.typing(event, Date.now(), this.limits.typing_expiry_ms);
        return this.#changed('typing', room);
      case 'read_marker':
        room?.state.readUpTo(event.read_seq, event.unread);
        return this.#changed('rooms');
      case 'room_left':
        room?.ended(event.reason);
        return this.#changed('rooms', room);
      default:
        return undefined;
    }
  }

  /** @param {Frame} event */
  #connected(event) {
    if (this.user && this.user.id !== event.user.id) {
      location.reload();
      return;
    }
    this.user = event.user;
    this.limits = { ...LIMITS_ASSUMED, ...event.limits };
    if (!this.outbox) this.#unpack(event.user.id);
    this.#changed('user');
    this.#loadRooms();
  }

  /** What this user had not sent when the page was last here. @param {string} userId */
  #unpack(userId) {
    this.drafts = new Drafts({ store: this.#store, userId });
    this.outbox = new Outbox({ store: this.#store, userId });
    this.#sender = new Sender({
      outbox: this.outbox,
      connection: this.connection,
      mayGo: (name) => this.roomsKnown && isReady(this.rooms.get(name)),
      acked: (name, seq) => this.#expectEcho(name, seq),
      changed: (name) => this.#changed('messages', this.rooms.get(name)),
    });
  }

  async #loadRooms() {
    /** @type {Frame} */
    let list;
    try {
      list = await ask(this.connection, { type: 'get_rooms' });
    } catch {
      return;
    }
    this.rooms = roomsListed(this.rooms, list.rooms, this.outbox);
    this.roomsKnown = true;
    for (const room of this.rooms.values()) if (room.joined && !room.live) this.#join(room);
    this.#changed('rooms');
    this.#sender?.flush();
  }

  /** @param {Room} room @param {{afresh?: boolean}} [how] */
  async #join(room, { afresh = false } = {}) {
    if (room.joining || this.connection.state.name !== 'open') return;
    room.joining = true;
    const { state } = room;
    /** @type {{after?: number, epoch?: string | null}} */
    const position = afresh ? {} : state.position;
    try {
      const frame = { type: 'join_room', room: room.name, ...position };
      const event = await ask(this.connection, frame, () => room.state === state);
      if (room.state !== state) return;
      room.joining = false;
      this.#joined(room, /** @type {any} */ (event), position.after);
    } catch (error) {
      if (!(error instanceof RequestError) || error.code === 'disconnected' || room.state !== state) return;
      room.left(error.message);
      room.isUnheardOf = error.code === 'unknown_room';
      this.#changed('rooms', room);
      this.#sender?.flush();
    }
  }

  /** @param {Room} room @param {import('./wire.js').RoomJoined} event @param {number | undefined} after */
  #joined(room, event, after) {
    const isFirst = !room.joined;
    room.joined = true;
    room.live = true;
    room.problem = null;
    room.state.joined(event, after);
    room.people.replace(event);
    if (isFirst) room.state.readUpTo(event.last_seq, 0);
    for (const message of event.messages) this.#settle(message);
    this.outbox?.settledUpTo(room.name, event.last_seq);
    if (room.missedSomething()) this.#join(room);
    this.#changed('rooms', room);
    this.#changed('messages', room);
    this.#changed('people', room);
    this.#sender?.flush();
  }

  /** @param {Room} room @param {Frame} event */
  #durable(room, event) {
    const message = event.type === 'new_message' ? /** @type {Message} */ (event.message) : null;
    const outcome = room.state.apply(event.seq, message);
    if (outcome === 'gap') {
      room.aheadSeq = Math.max(room.aheadSeq, event.seq);
      this.#join(room);
    }
    if (outcome !== 'applied' || !message) return;
    room.typists.stopped(message.user?.id);
    this.#settle(message);
    this.outbox?.settledUpTo(room.name, event.seq);
    if (message.user?.id === this.user?.id) room.state.readUpTo(message.seq, 0);
    this.#arrived(room, message);
    this.#changed('messages', room);
  }

  /** The outbox recognises its own by their keys. @param {Message} message */
  #settle(message) {
    if (message.key !== null && message.user?.id === this.user?.id) this.outbox?.seen(message.key);
  }

  /** An acked message is in the room, so the room hears of it or asks. @param {string} name @param {number} seq */
  #expectEcho(name, seq) {
    const room = this.rooms.get(name);
    if (!room) return;
    this.outbox?.settledUpTo(name, room.state.lastSeq ?? 0);
    setTimeout(() => {
      if (room.live && (room.state.lastSeq ?? 0) < seq) this.#join(room);
    }, ECHO_LIMIT_MS);
  }
}

/**
 * A room takes messages once it is live; one that is neither joined nor being joined lets the server say why not.
 * @param {Room | undefined} room
 */
function isReady(room) {
  return !room || room.live || (!room.joined && !room.joining);
}
