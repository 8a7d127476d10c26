// The line that says who is typing; silent typists fall off it by themselves.
// @ts-check
import { el } from './el.js';
import { typingText } from './people.js';

export class TypingLine {
  element = el('p', { class: 'typing-line', dir: 'auto' });
  #timer = 0;

  /** @param {import('./room.js').Room | null} room */
  render(room) {
    clearTimeout(this.#timer);
    const now = Date.now();
    this.element.textContent = room ? typingText(room.typists.names(now)) : '';
    const waitMs = room?.typists.waitMs(now) ?? null;
    if (waitMs !== null) this.#timer = setTimeout(() => this.render(room), waitMs + 1);
  }
}
