// The counting rule of the delivery contract, kept by the page's picture of a room.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadNewer } from '../../web/js/pages.js';
import { RoomState } from '../../web/js/room-state.js';
import { rowsOf } from '../../web/js/message-rows.js';
import { People } from '../../web/js/people.js';

const ann = { id: '1', username: 'ann', display_name: 'Ann' };
const ben = { id: '2', username: 'ben', display_name: 'Ben' };

function message(seq, { changed_seq = seq, body = `text ${seq}`, user = ann, kind = 'text', created_at = seq } = {}) {
  return { id: String(1000 + seq), seq, changed_seq, user, body, kind, created_at, edited_at: null, key: `key-${seq}` };
}

function messages(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
}

function joined(held, { last_seq = held.at(-1)?.seq ?? 0, has_more = false, reset = false, epoch = 'e' } = {}) {
  return { room: 'general', epoch, last_seq, members: 1, online: 1, participants: [], messages: held, has_more, reset };
}

function stateWith(held, options) {
  const state = new RoomState({ heldMax: 10 });
  state.joined(joined(held, options), undefined);
  return state;
}

const seqs = (state) => state.messages.map(({ seq }) => seq);

describe('counting', () => {
  it('applies the next number', () => {
    const state = stateWith(messages(1, 2));
    assert.equal(state.apply(3, message(3)), 'applied');
    assert.deepEqual(seqs(state), [1, 2, 3]);
    assert.equal(state.lastSeq, 3);
  });

  it('ignores a number it knows', () => {
    const state = stateWith(messages(1, 2));
    assert.equal(state.apply(2, message(2, { body: 'other' })), 'ignored');
    assert.equal(state.messages[1].body, 'text 2');
  });

  it('takes a number behind a hole for a gap, and asks for what came after its position', () => {
    const state = stateWith(messages(1, 2));
    assert.equal(state.apply(4, message(4)), 'gap');
    assert.deepEqual(seqs(state), [1, 2]);
    assert.deepEqual(state.position, { after: 2, epoch: 'e' });
  });

  it('takes a new number without content for a gap, and a known one for known', () => {
    const state = stateWith(messages(1, 2));
    assert.equal(state.apply(3, null), 'gap');
    assert.equal(state.apply(2, null), 'ignored');
    assert.equal(state.lastSeq, 2);
  });

  it('applies nothing before the first join, which asks for the last page', () => {
    const state = new RoomState();
    assert.equal(state.apply(1, message(1)), 'ignored');
    assert.deepEqual(state.position, {});
  });
});

describe('joining again', () => {
  it('merges what changed, also what changed twice, and keeps the rest', () => {
    const state = stateWith(messages(1, 3));
    state.joined(joined([message(2, { changed_seq: 5, body: 'edited' }), message(4)], { last_seq: 5, has_more: true }), 3);
    assert.deepEqual(seqs(state), [1, 2, 3, 4]);
    assert.equal(state.messages[1].body, 'edited');
    assert.equal(state.lastSeq, 5);
    assert.equal(state.hasMore, false, 'a resume says nothing about what is older than what is held');
  });

  it('replaces a message only by a later change', () => {
    const state = stateWith([message(1, { changed_seq: 7, body: 'newer' })], { last_seq: 7 });
    state.joined(joined([message(1, { changed_seq: 4, body: 'older' })], { last_seq: 7 }), 7);
    assert.equal(state.messages[0].body, 'newer');
  });

  it('drops everything on a reset', () => {
    const state = stateWith(messages(1, 3));
    state.joined(joined(messages(600, 602), { reset: true, has_more: true }), 3);
    assert.deepEqual(seqs(state), [600, 601, 602]);
    assert.equal(state.hasMore, true);
    assert.equal(state.lastSeq, 602);
  });

  it('drops everything when the epoch is another, even if nobody says reset', () => {
    const state = stateWith(messages(1, 3));
    state.joined(joined(messages(1, 1), { epoch: 'other' }), 3);
    assert.deepEqual(seqs(state), [1]);
    assert.equal(state.lastSeq, 1);
  });

  it('leaves a change of a message older than the held ones to its page of history', () => {
    const state = stateWith(messages(50, 52), { has_more: true });
    state.joined(joined([message(3, { changed_seq: 53 })], { last_seq: 53 }), 52);
    assert.deepEqual(seqs(state), [50, 51, 52]);
  });
});

describe('holding', () => {
  it('puts a page of history before what is held', () => {
    const state = stateWith(messages(5, 6), { has_more: true });
    state.prepend(messages(3, 4), true, 5);
    assert.deepEqual(seqs(state), [3, 4, 5, 6]);
  });

  it('takes no page that would leave a hole, because the oldest went while it was on its way', () => {
    const state = stateWith(messages(11, 20), { has_more: true });
    state.apply(21, message(21));
    state.prepend(messages(1, 10), false, 11);
    assert.deepEqual(seqs(state), [12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    assert.equal(state.hasMore, true);
  });

  it('lets the oldest go while the reader is at the end', () => {
    const state = stateWith(messages(1, 10));
    state.apply(11, message(11));
    assert.deepEqual(seqs(state), [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.equal(state.hasMore, true);
  });

  it('lets the newest go while the reader is in the past, counts on, and takes them back as pages', () => {
    const state = stateWith(messages(8, 17), { has_more: true });
    state.following = false;
    state.prepend(messages(3, 7), true, 8);
    assert.deepEqual(seqs(state), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.equal(state.heldUpTo, 12);
    assert.equal(state.apply(18, message(18)), 'applied');
    assert.equal(state.messages.length, 10);
    state.append(messages(13, 18), 18);
    assert.deepEqual(seqs(state), [9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
    assert.equal(state.heldUpTo, null);
  });
});

describe('paging forward', () => {
  /** A server whose history ends at `last`; `meanwhile` happens between a question and its answer. */
  function server(last, meanwhile) {
    const request = async ({ before, limit }) => {
      const end = Math.min(before - 1, last);
      const page = messages(Math.max(1, end - limit + 1), end);
      meanwhile();
      return { messages: page, has_more: page[0].seq > 1 };
    };
    return { losses: 0, request };
  }

  it('misses nothing that comes to the end of the room while a page is on its way', async () => {
    const state = stateWith(messages(8, 17), { has_more: true });
    state.following = false;
    state.prepend(messages(3, 7), true, 8);
    const room = { name: 'general', state, paging: false };
    assert.equal(await loadNewer(server(17, () => state.apply(18, message(18))), room), true);
    assert.equal(state.heldUpTo, 17);
    assert.equal(await loadNewer(server(18, () => undefined), room), true);
    assert.deepEqual(seqs(state), [9, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
    assert.equal(state.heldUpTo, null);
  });
});

describe('unread', () => {
  const info = { name: 'general', read_seq: 2, unread: 100, last_seq: 500 };

  it("counts other people's texts above the read marker", () => {
    const state = stateWith([]);
    state.apply(1, message(1, { user: ben }));
    state.apply(2, message(2, { user: ann }));
    state.apply(3, message(3, { user: ben, kind: 'join' }));
    state.apply(4, message(4, { user: null, kind: 'system' }));
    assert.equal(state.unread(ann.id), 2);
    state.readUpTo(1, 0);
    assert.equal(state.unread(ann.id), 1);
    state.readUpTo(4, 0);
    assert.equal(state.unread(ann.id), 0);
  });

  it('starts from what the server counted while not everything is held, and stops at 100', () => {
    const state = new RoomState();
    state.listed({ ...info, unread: 60 });
    assert.equal(state.unread(ann.id), 60);
    state.joined(joined(messages(451, 500), { has_more: true }), undefined);
    assert.equal(state.unread(ben.id), 60);
    state.apply(501, message(501));
    assert.equal(state.unread(ben.id), 61);
    state.listed(info);
    assert.equal(state.unread(ben.id), 100);
  });

  it('counts what arrives while the newest messages are not held', () => {
    const state = stateWith(messages(11, 20), { has_more: true });
    state.readUpTo(20, 0);
    state.following = false;
    state.prepend(messages(1, 10), false, 11);
    assert.equal(state.heldUpTo, 10);
    state.apply(21, message(21));
    state.apply(22, message(22, { user: ben }));
    assert.equal(state.unread(ben.id), 1);
    state.joined(joined([message(23)], { last_seq: 23 }), 22);
    assert.equal(state.unread(ben.id), 2);
    state.append([...messages(11, 21), message(22, { user: ben })], 22);
    assert.equal(state.unread(ben.id), 2, 'one of them is held now');
    state.readUpTo(23, 0);
    assert.equal(state.unread(ben.id), 0);
  });

  it('counts what it lets go', () => {
    const state = stateWith(messages(11, 18), { has_more: true });
    state.readUpTo(18, 0);
    state.following = false;
    state.apply(19, message(19));
    state.apply(20, message(20));
    state.apply(21, message(21));
    assert.equal(state.heldUpTo, 20);
    assert.equal(state.unread(ben.id), 3);
    state.prepend(messages(9, 10), true, 11);
    assert.equal(state.unread(ben.id), 3);
  });

  it('never falls back with an older marker', () => {
    const state = stateWith(messages(1, 4));
    state.readUpTo(4, 0);
    state.readUpTo(2, 2);
    assert.equal(state.unread(ben.id), 0);
  });
});

describe('people', () => {
  const person = (id) => ({ id: String(id), username: `p${id}`, display_name: '' });

  it('are as many as the server lists, and those who are online stay', () => {
    const people = new People();
    for (let id = 1; id <= 150; id += 1) people.left({ user: person(id), reason: 'offline', members: 400, online: 0 });
    for (let id = 151; id <= 400; id += 1) people.joined({ user: person(id), members: 400, online: id - 150 });
    assert.equal(people.listed(true).length, 200);
    assert.equal(people.listed(false).length, 0);
    assert.equal(people.online, 250);
  });
});

describe('people of whom a list tells who is online', () => {
  const person = (id) => ({ id: String(id), username: `p${id}`, display_name: '' });

  it('are offline if they are not in it', () => {
    const people = new People();
    for (const id of [1, 2]) people.joined({ user: person(id), members: 3, online: id });
    people.onlineAre({ participants: [{ user: person(3), is_online: true }], members: 3, online: 1 });
    assert.deepEqual(people.listed(true).map(({ user }) => user.id), ['3']);
    assert.deepEqual(people.listed(false).map(({ user }) => user.id), ['1', '2']);
  });
});

describe('rows', () => {
  const rows = (held, more = {}) => rowsOf({ messages: held, entries: [], userId: ben.id, unreadAfter: null, now: noon, ...more });
  const minute = 60_000;
  const noon = new Date(2026, 4, 5, 12).getTime();

  it('group an author within five minutes and start anew after that', () => {
    const held = [0, 4, 10].map((at, index) => message(index + 1, { created_at: noon + at * minute }));
    assert.deepEqual(rows(held).map(({ type, follows }) => [type, follows]), [
      ['day', undefined], ['message', false], ['message', true], ['message', false],
    ]);
  });

  it('name a day anew when another one has begun', () => {
    const versions = (now) => rows([message(1, { created_at: noon })], { now }).filter(({ type }) => type === 'day').map(({ version }) => version);
    assert.deepEqual(versions(noon), versions(noon + minute));
    assert.notDeepEqual(versions(noon), versions(noon + 24 * 60 * minute));
  });

  it('have a line before the first unread message of someone else', () => {
    const held = [message(1), message(2, { user: ben }), message(3)];
    assert.deepEqual(rows(held, { unreadAfter: 1 }).map(({ type }) => type), ['day', 'message', 'message', 'unread', 'message']);
  });

  it('show an own message once while the outbox still holds it', () => {
    const entry = { key: 'key-1', room: 'general', body: 'text 1', at: 2, status: 'waiting' };
    assert.equal(rows([message(1, { user: ben })], { entries: [entry] }).filter(({ type }) => type !== 'day').length, 1);
  });
});
