// One WebSocket that comes back: dials, pings, matches answers to requests, reconnects with full jitter.
// @ts-check
import { SUBPROTOCOL, mayReconnect } from './wire.js';

/** @typedef {import('./wire.js').Frame} Frame */
/**
 * @typedef {{name: 'connecting'} | {name: 'open'} | {name: 'waiting', retryAt: number}
 *   | {name: 'ended', code: number, reason: string}} ConnectionState
 */

/** From dialling to `status connected`. A server that waits in vain for a sign-in gives up after 10 s; it is to say so first. */
const CONNECT_LIMIT_MS = 15_000;
const SILENCE_BEFORE_PING_MS = 25_000;
const PONG_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 10_000;
const BACKOFF_BASE_MS = 1000;
const BACKOFF_MAX_MS = 30_000;
/** A connection that lived this long starts the backoff anew. */
const STABLE_AFTER_MS = 10_000;
/** Spread over a delay that the server asked for, so that its guests do not return in one instant. */
const ASKED_DELAY_JITTER = 0.2;

/** An `error` answer, or an answer that never came (`disconnected`, `timeout`). */
export class RequestError extends Error {
  /** @param {import('./wire.js').WireError} error */
  constructor({ code, message, retry_after_ms }) {
    super(message);
    this.code = code;
    this.retry_after_ms = retry_after_ms;
  }
}

export class Connection {
  /** @type {ConnectionState} */
  state = { name: 'connecting' };
  /** How often it was lost or let go: what was asked before is not answered after. */
  losses = 0;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, {resolve(answer: Frame): void, reject(error: RequestError): void, timer: number}>} */
  #requests = new Map();
  #nextId = 1;
  #attempt = 0;
  #openedAt = 0;
  /** @type {number | null} */
  #askedDelayMs = null;
  #timer = 0;
  #url;
  #onState;
  #onEvent;

  /**
   * @param {{url: string, onState(state: ConnectionState): void, onEvent(event: Frame): void}} options
   */
  constructor({ url, onState, onEvent }) {
    this.#url = url;
    this.#onState = onState;
    this.#onEvent = onEvent;
  }

  start() {
    addEventListener('online', this.#awake);
    addEventListener('offline', this.#awake);
    document.addEventListener('visibilitychange', this.#awake);
    this.#dial();
  }

  stop() {
    removeEventListener('online', this.#awake);
    removeEventListener('offline', this.#awake);
    document.removeEventListener('visibilitychange', this.#awake);
    clearTimeout(this.#timer);
    this.#drop();
  }

  retryNow() {
    if (this.state.name === 'waiting' || this.state.name === 'ended') this.#dial();
  }

  /** Sends what needs no answer; lost when there is no connection. @param {Frame} frame */
  send(frame) {
    if (this.state.name === 'open') this.#socket?.send(JSON.stringify(frame));
  }

  /**
   * @param {Frame} frame
   * @returns {Promise<Frame>}
   */
  request(frame) {
    return new Promise((resolve, reject) => {
      if (this.state.name !== 'open' || !this.#socket) {
        reject(new RequestError({ code: 'disconnected', message: 'there is no connection' }));
        return;
      }
      const id = String(this.#nextId++);
      const timer = setTimeout(() => {
        this.#requests.delete(id);
        reject(new RequestError({ code: 'timeout', message: 'the server did not answer in time' }));
      }, ANSWER_LIMIT_MS);
      this.#requests.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ ...frame, id }));
    });
  }

  #dial() {
    clearTimeout(this.#timer);
    this.#setState({ name: 'connecting' });
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      if (socket === this.#socket) this.#received(data);
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket === this.#socket) this.#lost(code, reason);
    });
    this.#timer = setTimeout(() => this.#lost(1006, 'no answer'), CONNECT_LIMIT_MS);
  }

  /** @param {string} data */
  #received(data) {
    /** @type {Frame} */
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === 'status') this.#status(frame);
    if (this.state.name === 'open') this.#pingAfter(SILENCE_BEFORE_PING_MS);
    const request = frame.re === undefined ? undefined : this.#requests.get(frame.re);
    if (request && frame.re !== undefined) {
      this.#requests.delete(frame.re);
      clearTimeout(request.timer);
      if (frame.type === 'error') request.reject(new RequestError(/** @type {any} */ (frame)));
      else request.resolve(frame);
      return;
    }
    this.#onEvent(frame);
  }

  /** @param {Frame} frame */
  #status(frame) {
    if (frame.status === 'connected') {
      this.#openedAt = Date.now();
      this.#setState({ name: 'open' });
    } else if (frame.status === 'closing') {
      this.#askedDelayMs = frame.reconnect_after_ms || null;
    }
  }

  /** @param {number} silenceMs */
  #pingAfter(silenceMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ type: 'ping' });
      this.#timer = setTimeout(() => this.#lost(1006, 'no answer'), PONG_LIMIT_MS);
    }, silenceMs);
  }

  /** The network or the person came back, or the network went: what is known of the connection is stale. */
  #awake = () => {
    if (document.visibilityState === 'hidden') return;
    if (this.state.name === 'open') this.#pingAfter(0);
    else if (this.state.name === 'waiting' && navigator.onLine) this.#dial();
  };

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    clearTimeout(this.#timer);
    this.#drop();
    if (!mayReconnect(code)) {
      this.#setState({ name: 'ended', code, reason });
      return;
    }
    if (this.#openedAt > 0 && Date.now() - this.#openedAt > STABLE_AFTER_MS) this.#attempt = 0;
    const delayMs = this.#delayMs();
    this.#openedAt = 0;
    this.#timer = setTimeout(() => this.#dial(), delayMs);
    this.#setState({ name: 'waiting', retryAt: Date.now() + delayMs });
  }

  #delayMs() {
    const askedMs = this.#askedDelayMs;
    if (askedMs !== null) {
      this.#askedDelayMs = null;
      this.#attempt = 0;
      return askedMs * (1 + Math.random() * ASKED_DELAY_JITTER);
    }
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    return Math.random() * ceilingMs;
  }

  /** Lets the socket go without waiting for its closing handshake, which a dead network never ends. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    this.losses += 1;
    socket?.close();
    for (const { reject, timer } of this.#requests.values()) {
      clearTimeout(timer);
      reject(new RequestError({ code: 'disconnected', message: 'the connection was lost' }));
    }
    this.#requests.clear();
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.state = state;
    this.#onState(state);
  }
}
