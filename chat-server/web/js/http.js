// Speaks JSON with the server's HTTP interface.
// @ts-check

/** @typedef {{ok: true, value: any} | {ok: false, code: string | null, message: string}} Outcome */

/** @param {string} path below /api/v1/ @param {object} content @returns {Promise<Outcome>} */
export function post(path, content) {
  return send(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(content) });
}

/** @param {string} path below /api/v1/ @returns {Promise<Outcome>} */
export function get(path) {
  return send(path, {});
}

/** @param {string} path @param {RequestInit} request @returns {Promise<Outcome>} */
async function send(path, request) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, request);
  } catch {
    return { ok: false, code: null, message: 'The server cannot be reached. Check your connection and try again.' };
  }
  const value = await response.json().catch(() => null);
  if (response.ok) return { ok: true, value };
  return { ok: false, code: value?.code ?? null, message: errorText(value, response.status) };
}

/** @param {{message?: string, retry_after_ms?: number} | null} error @param {number} status */
function errorText(error, status) {
  const message = error?.message ?? `The server answered with status ${status}.`;
  if (error?.retry_after_ms === undefined) return message;
  return `${message} (try again in ${Math.ceil(error.retry_after_ms / 1000)} s)`;
}
