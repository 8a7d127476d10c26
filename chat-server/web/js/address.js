// The open room in the page's address: a link to a room works, and so does the browser's way back.
// @ts-check

/** @returns {string | null} */
export function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || null;
  } catch {
    return null;
  }
}

/** @param {string} name */
export function pushRoom(name) {
  history.pushState({ opened: true }, '', `#${encodeURIComponent(name)}`);
}

/** @param {string} name */
export function replaceRoom(name) {
  history.replaceState(null, '', `#${encodeURIComponent(name)}`);
}

/** Back to no room: one step back if a step led here, else in place. @param {() => void} changed */
export function leaveRoomAddress(changed) {
  if (history.state?.opened) {
    history.back();
    return;
  }
  history.replaceState(null, '', location.pathname + location.search);
  changed();
}
