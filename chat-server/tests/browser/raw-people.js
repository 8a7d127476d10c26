// People without a page: many accounts that speak with the server frame by frame, from one page that shows nothing.
import assert from 'node:assert/strict';
import { PASSWORD, newContext, post, unique } from './support.js';

export class RawPeople {
  #context;
  #page;

  static async open(browser) {
    const people = new RawPeople();
    people.#context = await newContext(browser);
    people.#page = await people.#context.newPage();
    await people.#page.goto('/login');
    await people.#page.evaluate(defineClients);
    return people;
  }

  /** Signs up and connects. @param {string} displayName */
  async add(displayName) {
    const username = unique('raw');
    await post(this.#context, 'register', { username, password: PASSWORD, display_name: displayName });
    const { token } = await post(this.#context, 'login', { username, password: PASSWORD });
    await this.#page.evaluate(([username, token]) => globalThis.clients.connect(username, token), [username, token]);
    return { username, displayName };
  }

  /** The answer to a request, which may be an error. */
  ask({ username }, frame) {
    return this.#page.evaluate(([username, frame]) => globalThis.clients.ask(username, JSON.stringify(frame)), [username, frame]);
  }

  /** Sends a message and returns its id. */
  async say(person, room, body) {
    const ack = await this.ask(person, { type: 'send_message', room, body, key: unique('key') });
    assert.equal(ack.type, 'ack', ack.message);
    return ack.message_id;
  }

  /** Sends what needs no answer. */
  tell({ username }, frame) {
    return this.#page.evaluate(([username, frame]) => globalThis.clients.tell(username, JSON.stringify(frame)), [username, frame]);
  }
}

/** Runs in the page. */
function defineClients() {
  const sockets = new Map();
  const waiting = new Map();
  let lastId = 0;
  globalThis.clients = {
    connect(username, token) {
      const socket = new WebSocket(`ws://${location.host}/ws`, 'chat.v1');
      sockets.set(username, socket);
      return new Promise((resolve, reject) => {
        socket.onopen = () => socket.send(JSON.stringify({ type: 'connect', token }));
        socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`));
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.status === 'connected') resolve();
          waiting.get(frame.re)?.(frame);
        };
      });
    },
    ask(username, text) {
      const id = String((lastId += 1));
      return new Promise((resolve) => {
        waiting.set(id, resolve);
        // An error of a frame that is no JSON names no request.
        sockets.get(username).addEventListener('message', ({ data }) => data.includes('"bad_json"') && resolve(JSON.parse(data)), { once: true });
        sockets.get(username).send(text.replace(/^\{/, `{"id":"${id}",`));
      });
    },
    tell(username, text) {
      sockets.get(username).send(text);
    },
  };
}
