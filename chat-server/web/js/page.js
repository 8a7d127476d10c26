// The chat as a page of its own: shows in the title how much is unread.
// @ts-check
import './fitness-chat.js';
import { unreadText } from './format.js';

const title = document.title;

document.querySelector('fitness-chat')?.addEventListener('unread', (event) => {
  const { unread } = /** @type {CustomEvent<{unread: number}>} */ (event).detail;
  document.title = unread > 0 ? `(${unreadText(unread)}) ${title}` : title;
});
