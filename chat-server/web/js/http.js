// Posts JSON to the server's HTTP interface.
// @ts-check

/**
 * @param {string} path below /api/v1/
 * @param {object} content
 * @returns {Promise<{ok: true, value: any} | {ok: false, message: string}>}
 */
export async function post(path, content) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(content),
    });
  } catch {
    return { ok: false, message: 'The server cannot be reached. Check your connection and try again.' };
  }
  const value = await response.json().catch(() => null);
  if (response.ok) return { ok: true, value };
  return { ok: false, message: errorText(value, response.status) };
}

/** @param {{message?: string, retry_after_ms?: number} | null} error @param {number} status */
function errorText(error, status) {
  const message = error?.message ?? `The server answered with status ${status}.`;
  if (error?.retry_after_ms === undefined) return message;
  return `${message} (try again in ${Math.ceil(error.retry_after_ms / 1000)} s)`;
}
