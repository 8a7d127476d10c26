// What a browser keeps for the page over a reload: JSON under names with one prefix. Never throws.
// @ts-check

const PREFIX = 'fitness-chat:';

/** @type {import('./outbox.js').Store} */
export const browserStore = {
  read(name) {
    try {
      return JSON.parse(localStorage.getItem(PREFIX + name) ?? 'null');
    } catch {
      return null;
    }
  },

  /** A full or forbidden storage costs the page its memory over a reload, nothing else. */
  write(name, value) {
    try {
      localStorage.setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      console.warn('the browser does not let the chat keep unsent messages over a reload');
    }
  },

  remove(name) {
    try {
      localStorage.removeItem(PREFIX + name);
    } catch {
      // Nothing was kept, nothing is left.
    }
  },

  names(prefix) {
    try {
      return Object.keys(localStorage)
        .filter((name) => name.startsWith(PREFIX + prefix))
        .map((name) => name.slice(PREFIX.length));
    } catch {
      return [];
    }
  },
};

/** What one user has typed and not sent, by room. */
export class Drafts {
  /** Whether they are being forgotten, and nothing is kept any more. */
  isClosed = false;
  #store;
  #prefix;

  /** @param {{store: import('./outbox.js').Store, userId: string}} options */
  constructor({ store, userId }) {
    this.#store = store;
    this.#prefix = `draft:${userId}:`;
  }

  /** @param {string} room @returns {string} */
  of(room) {
    const draft = this.#store.read(this.#prefix + room);
    return typeof draft === 'string' ? draft : '';
  }

  /** @param {string} room @param {string} text */
  keep(room, text) {
    if (this.isClosed) return;
    if (text === '') this.#store.remove(this.#prefix + room);
    else this.#store.write(this.#prefix + room, text);
  }

  clear() {
    for (const name of this.#store.names(this.#prefix)) this.#store.remove(name);
  }
}
