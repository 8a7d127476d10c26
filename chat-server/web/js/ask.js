// Asks the server until it answers: what waiting helps is waited out, while the answer is still wanted.
// @ts-check
import { RequestError } from './connection.js';

/** @typedef {import('./wire.js').Frame} Frame */

const WORTH_WAITING = new Set(['rate_limited', 'overloaded', 'unavailable', 'storage_full', 'timeout']);
/** When the server does not say how long. */
const WAIT_MS = 2000;

/**
 * For requests that may be repeated. A lost connection ends it: what is still to be known is asked on the next one.
 * @param {import('./connection.js').Connection} connection
 * @param {Frame} frame
 * @param {() => boolean} [isWanted] asked after each wait
 * @returns {Promise<Frame>} rejects with the `RequestError` that waiting does not help, or that is no longer waited for
 */
export async function ask(connection, frame, isWanted = () => true) {
  const { losses } = connection;
  for (;;) {
    try {
      return await connection.request(frame);
    } catch (error) {
      if (!(error instanceof RequestError) || !WORTH_WAITING.has(error.code)) throw error;
      await passed(error.retry_after_ms || WAIT_MS);
      if (connection.losses !== losses) throw new RequestError({ code: 'disconnected', message: 'the connection was lost' });
      if (!isWanted()) throw error;
    }
  }
}

/** @param {number} ms @returns {Promise<void>} */
function passed(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
