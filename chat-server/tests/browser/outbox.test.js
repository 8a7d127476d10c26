// A message on its way keeps its key and its place until the server has it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outbox, randomKey } from '../../web/js/outbox.js';
import { Sender, sendable } from '../../web/js/sender.js';
import { mayReconnect } from '../../web/js/wire.js';
import { typingText } from '../../web/js/people.js';

function memoryStore() {
  const kept = new Map();
  return {
    read: (name) => JSON.parse(kept.get(name) ?? 'null'),
    write: (name, value) => void kept.set(name, JSON.stringify(value)),
    remove: (name) => void kept.delete(name),
    names: (prefix) => [...kept.keys()].filter((name) => name.startsWith(prefix)),
  };
}

function outboxOn(store = memoryStore(), userId = '1') {
  let number = 0;
  return new Outbox({ store, userId, newKey: () => `key-${(number += 1)}` });
}

const keys = (entries) => entries.map(({ key }) => key);

describe('sending', () => {
  it('misses nothing that becomes due while it is looked for', async (test) => {
    const outbox = outboxOn();
    const { key } = outbox.add('general', 'a', 0);
    outbox.sending(key);
    outbox.refused(key, { code: 'rate_limited', message: 'later', retry_after_ms: 1.5 }, 0);
    let now = 0;
    test.mock.method(performance, 'now', () => (now += 1));
    const sent = await new Promise((resolve) => {
      const connection = { state: { name: 'open' }, request: async (frame) => (resolve(frame.key), { seq: 1 }) };
      new Sender({ outbox, connection, mayGo: () => true, acked: () => undefined, changed: () => undefined }).flush();
    });
    assert.equal(sent, key);
  });

  it('goes in order, one message of a room at a time, rooms beside each other', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.add('general', 'b', 100);
    outbox.add('nutrition', 'c', 100);
    assert.deepEqual(keys(outbox.due(100)), ['key-1', 'key-3']);
    outbox.sending('key-1');
    assert.deepEqual(keys(outbox.due(100)), ['key-3']);
    outbox.acked('key-1', 7);
    assert.deepEqual(keys(outbox.due(100)), ['key-2', 'key-3']);
  });

  for (const code of ['unavailable', 'overloaded', 'storage_full', 'rate_limited', 'timeout']) {
    it(`repeats with the same key after ${code}, when it is time`, () => {
      const outbox = outboxOn();
      outbox.add('general', 'a', 100);
      outbox.sending('key-1');
      outbox.refused('key-1', { code, message: '', retry_after_ms: 250 }, 1000);
      assert.deepEqual(keys(outbox.due(1249)), []);
      assert.equal(outbox.waitMs(1000), 250);
      assert.deepEqual(keys(outbox.due(1250)), ['key-1']);
    });
  }

  it('repeats with the same key as soon as a lost connection is back', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.sending('key-1');
    outbox.refused('key-1', { code: 'disconnected', message: '' }, 1000);
    assert.deepEqual(keys(outbox.due(1000)), ['key-1']);
  });

  it('waits longer each time when the server does not say how long', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    for (const expected of [1000, 2000, 4000]) {
      outbox.sending('key-1');
      outbox.refused('key-1', { code: 'overloaded', message: '' }, 0);
      assert.equal(outbox.waitMs(0), expected);
    }
  });
});

describe('an error that repeating does not help', () => {
  it('marks the message failed and lets the next one pass', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.add('general', 'b', 100);
    outbox.sending('key-1');
    outbox.refused('key-1', { code: 'message_too_long', message: 'too long' }, 1000);
    assert.equal(outbox.entries[0].reason, 'too long');
    assert.deepEqual(keys(outbox.due(1000)), ['key-2']);
  });

  it('is tried again by hand with the same key, except when the key is the trouble', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.refused('key-1', { code: 'forbidden', message: '' }, 1000);
    outbox.retry('key-1');
    assert.deepEqual(keys(outbox.due(1000)), ['key-1']);
    outbox.refused('key-1', { code: 'key_conflict', message: '' }, 1000);
    outbox.retry('key-1');
    assert.deepEqual(keys(outbox.due(1000)), ['key-2']);
  });
});

describe('settling', () => {
  it('keeps an acked message until the room shows it', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.acked('key-1', 7);
    outbox.settledUpTo('general', 6);
    assert.equal(outbox.of('general').length, 1);
    outbox.settledUpTo('general', 7);
    assert.equal(outbox.of('general').length, 0);
  });

  it('takes the message itself for an ack, whichever comes first', () => {
    const outbox = outboxOn();
    outbox.add('general', 'a', 100);
    outbox.sending('key-1');
    outbox.seen('key-1');
    outbox.acked('key-1', 7);
    outbox.refused('key-1', { code: 'disconnected', message: '' }, 1000);
    assert.deepEqual(outbox.entries, []);
  });
});

describe('a reload', () => {
  it('brings back what was not acked, with its keys and in its order, to the same user only', () => {
    const store = memoryStore();
    const before = outboxOn(store);
    before.add('general', 'a', 100);
    before.add('general', 'b', 100);
    before.add('general', 'c', 100);
    before.sending('key-1');
    before.acked('key-2', 5);
    before.refused('key-3', { code: 'forbidden', message: 'no' }, 100);
    const after = outboxOn(store);
    assert.deepEqual(after.entries.map(({ key, body, status }) => [key, body, status]), [
      ['key-1', 'a', 'waiting'], ['key-3', 'c', 'failed'],
    ]);
    assert.deepEqual(outboxOn(store, '2').entries, []);
  });

  it('brings nothing back of what was deleted', () => {
    const store = memoryStore();
    const outbox = outboxOn(store);
    outbox.add('general', 'a', 100);
    outbox.discard('key-1');
    assert.deepEqual(outboxOn(store).entries, []);
  });
});

describe('small rules', () => {
  it('keys are printable ASCII of at most 64 characters, no two alike', () => {
    const [one, other] = [randomKey(), randomKey()];
    assert.match(one, /^[!-~]{1,64}$/);
    assert.notEqual(one, other);
  });

  it('a body is sent without control characters and blank ends', () => {
    assert.equal(sendable('\n\na\r\nb\u0000\u0085\tc \n'), 'a\nb\tc');
    assert.equal(sendable(' \n\t'), '');
  });

  it('close codes say whether to come back', () => {
    const codes = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4000, 4001, 4499, 4500, 4504, 4999];
    const come = [1000, 1001, 1005, 1006, 1011, 1012, 1013, 4000, 4001, 4499];
    assert.deepEqual(codes.filter(mayReconnect), come);
  });

  it('typists are named, and counted from the third on', () => {
    assert.deepEqual([[], ['Ann'], ['Ann', 'Bob'], ['Ann', 'Bob', 'Cy'], ['Ann', 'Bob', 'Cy', 'Di']].map(typingText), [
      '', 'Ann is typing', 'Ann and Bob are typing', 'Ann, Bob and 1 other are typing', 'Ann, Bob and 2 others are typing',
    ]);
  });
});
