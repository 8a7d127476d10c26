// The connection comes back after the closes that ask for it, later each time, and after no other; requests wait as told.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { ask } from '../../web/js/ask.js';
import { Connection } from '../../web/js/connection.js';

const COME_BACK = [1001, 1006, 1011, 1012, 1013, 4000, 4001, 4250, 4499];
const STAY_AWAY = [1002, 1003, 1007, 1008, 1009, 4500, 4501, 4502, 4503, 4504, 4750, 4999];
const FOREVER_MS = 24 * 60 * 60 * 1000;
const BACKOFF_MAX_MS = 30_000;

/** What the browser gives to the connection, and what the test has of it. */
let sockets;
let listeners;
let connection;
const events = [];

class FakeSocket extends EventTarget {
  sent = [];

  constructor() {
    super();
    sockets.push(this);
  }

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close() {}

  receive(frame) {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
  }

  end(code) {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason: 'test' }));
  }
}

beforeEach(() => {
  sockets = [];
  listeners = new Map();
  events.length = 0;
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  mock.method(Math, 'random', () => 1);
  const add = (name, listener) => listeners.set(name, listener);
  const fakes = {
    WebSocket: FakeSocket,
    addEventListener: add,
    removeEventListener: () => undefined,
    document: { addEventListener: add, removeEventListener: () => undefined, visibilityState: 'visible' },
    navigator: { onLine: true },
  };
  for (const [name, value] of Object.entries(fakes)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  connection = new Connection({ url: 'ws://chat.test/ws', onState: () => undefined, onEvent: (event) => events.push(event) });
  connection.start();
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

function open() {
  sockets.at(-1).receive({ type: 'status', status: 'connected' });
  assert.equal(connection.state.name, 'open');
}

/** Milliseconds until the next dial, at most as long as the longest back-off and its jitter. */
function untilDial() {
  const dials = sockets.length;
  for (let ms = 0; ms <= 2 * BACKOFF_MAX_MS; ms += 100) {
    if (sockets.length > dials) return ms;
    mock.timers.tick(100);
  }
  return assert.fail('it did not dial');
}

describe('a connection', () => {
  for (const code of COME_BACK) {
    it(`comes back after ${code}`, () => {
      open();
      sockets[0].end(code);
      assert.equal(connection.state.name, 'waiting');
      untilDial();
      open();
    });
  }

  for (const code of STAY_AWAY) {
    it(`stays away after ${code}, whatever wakes the page, until a person asks`, () => {
      open();
      sockets[0].end(code);
      assert.deepEqual(connection.state, { name: 'ended', code, reason: 'test' });
      for (const wake of ['online', 'offline', 'visibilitychange']) listeners.get(wake)();
      mock.timers.tick(FOREVER_MS);
      assert.equal(sockets.length, 1);
      connection.retryNow();
      assert.equal(sockets.length, 2);
    });
  }

  it('waits twice as long after each failure, up to half a minute', () => {
    const waits = [];
    for (let failure = 0; failure < 8; failure += 1) {
      sockets.at(-1).end(1006);
      waits.push(untilDial());
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  });

  it('does not take a connection that dies young for a success, but one that lived', () => {
    for (const expected of [1000, 2000, 4000]) {
      open();
      sockets.at(-1).end(1011);
      assert.equal(untilDial(), expected);
    }
    open();
    mock.timers.tick(11_000);
    sockets.at(-1).end(1011);
    assert.equal(untilDial(), 1000);
  });

  it('spreads its return over the whole wait', () => {
    mock.method(Math, 'random', () => 0.25);
    sockets.at(-1).end(1006);
    sockets.at(-1).end(1006);
    const waits = [untilDial()];
    sockets.at(-1).end(1006);
    waits.push(untilDial());
    assert.deepEqual(waits, [300, 500]);
  });

  it('comes back no earlier than a server that goes away asked for', () => {
    open();
    sockets[0].receive({ type: 'status', status: 'closing', reconnect_after_ms: 5000 });
    sockets[0].end(1012);
    const waited = untilDial();
    assert.ok(waited >= 5000 && waited <= 6000, `${waited}`);
  });

  it('gives a server without a sign-in the time to say so', () => {
    mock.timers.tick(10_500);
    assert.equal(connection.state.name, 'connecting');
    mock.timers.tick(5_000);
    assert.equal(connection.state.name, 'waiting');
  });

  it('asks a silent server for a sign of life and leaves one that gives none', () => {
    open();
    mock.timers.tick(25_000);
    assert.deepEqual(sockets[0].sent, [{ type: 'ping' }]);
    mock.timers.tick(10_000);
    assert.equal(connection.state.name, 'waiting');
  });
});

describe('a request', () => {
  const limited = (re, retry_after_ms) => ({ type: 'error', re, code: 'rate_limited', message: 'too many joins', retry_after_ms });
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const asked = () => sockets.at(-1).sent.map(({ type, id }) => `${type} ${id}`);

  it('is repeated after the time that the server asked for, as often as it takes', async () => {
    open();
    const answer = ask(connection, { type: 'join_room', room: 'general' });
    for (const [id, waitMs] of [['1', 700], ['2', 3000]]) {
      sockets[0].receive(limited(id, waitMs));
      await settled();
      mock.timers.tick(waitMs - 1);
      await settled();
      assert.equal(asked().length, Number(id));
      mock.timers.tick(1);
      await settled();
    }
    assert.deepEqual(asked(), ['join_room 1', 'join_room 2', 'join_room 3']);
    sockets[0].receive({ type: 'room_joined', re: '3' });
    assert.equal((await answer).type, 'room_joined');
  });

  it('is not repeated once nobody wants it, nor on another connection, nor after a refusal', async () => {
    open();
    let isWanted = true;
    const unwanted = ask(connection, { type: 'join_room' }, () => isWanted);
    const lost = ask(connection, { type: 'get_history' });
    const refused = ask(connection, { type: 'leave_room' });
    sockets[0].receive(limited('1', 1000));
    sockets[0].receive(limited('2', 5000));
    sockets[0].receive({ type: 'error', re: '3', code: 'not_a_member', message: 'no' });
    await assert.rejects(refused, { code: 'not_a_member' });
    isWanted = false;
    mock.timers.tick(1000);
    await assert.rejects(unwanted, { code: 'rate_limited' });
    sockets[0].end(1006);
    untilDial();
    open();
    mock.timers.tick(5000);
    await assert.rejects(lost, { code: 'disconnected' });
    assert.deepEqual(asked(), []);
  });

  it('without an id leaves its error to nobody', () => {
    open();
    connection.send({ type: 'typing_start', room: 'general' });
    sockets[0].receive(limited(undefined, 1000));
    assert.equal(connection.state.name, 'open');
    assert.deepEqual(events.map(({ type }) => type), ['status', 'error']);
  });
});
