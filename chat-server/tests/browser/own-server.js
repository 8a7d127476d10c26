// A server of a test's own, from the binary that CHAT_SERVER_BIN names: with limits on, or to be stopped and started.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const { CHAT_SERVER_BIN, CHAT_CLI, DATABASE_URL, PATH } = process.env;
const NO_LIMITS = {
  CHAT_LIMIT_MESSAGES_PER_SECOND: '0',
  CHAT_LIMIT_JOINS_PER_SECOND: '0',
  CHAT_LIMIT_HISTORY_PER_SECOND: '0',
  CHAT_LIMIT_MARKS_PER_SECOND: '0',
  CHAT_LIMIT_TYPING_PER_SECOND: '0',
  CHAT_LIMIT_LOGINS_PER_MINUTE: '0',
  CHAT_LIMIT_REGISTRATIONS_PER_MINUTE: '0',
  // As many as any machine has open files for: the server warns of fewer.
  CHAT_LIMIT_CONNECTIONS: '1000',
};
const START_LIMIT_MS = 15_000;

/** Tests that start a server are skipped without a binary. */
export const needsOwnServer = CHAT_SERVER_BIN ? {} : { skip: 'CHAT_SERVER_BIN is not set' };
/** Tests that add rooms to the server of all tests need to know its database. */
export const needsCli = CHAT_CLI && DATABASE_URL ? {} : { skip: 'CHAT_CLI or DATABASE_URL is not set' };

export class OwnServer {
  #environment;
  #process = null;
  #log = '';
  url = '';

  /** @param {Record<string, string>} limits the limits that are on; all others are off */
  static async start(limits) {
    const server = new OwnServer();
    const folder = await mkdtemp(join(tmpdir(), 'chat-browser-'));
    server.#environment = { PATH, CHAT_DATA_DIR: folder, CHAT_BIND: '127.0.0.1:0', CHAT_LOG: 'warn', ...NO_LIMITS, ...limits };
    await server.again();
    return server;
  }

  /** Starts where it was before. */
  async again() {
    const started = spawn(CHAT_SERVER_BIN, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = started;
    started.stderr.setEncoding('utf8').on('data', (text) => (this.#log += text));
    started.stdout.setEncoding('utf8');
    const [line] = await once(started.stdout, 'data', { signal: AbortSignal.timeout(START_LIMIT_MS) });
    this.url = /listening on (\S+)/.exec(line)?.[1] ?? assert.fail(`the server said ${line}`);
    this.#environment.CHAT_BIND = new URL(this.url).host;
  }

  /** Ends it as an operator does; it may have warned of nothing. */
  async end() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    const [code] = await ended;
    assert.equal(code, 0);
    assert.doesNotMatch(this.#log, / (WARN|ERROR) /);
  }

  async remove() {
    if (this.#process.exitCode === null) await this.end();
    await rm(this.#environment.CHAT_DATA_DIR, { recursive: true });
  }

  /** Runs the administration tool on its database. @param {string[]} args */
  cli(...args) {
    return runCli(args, this.#environment);
  }
}

/**
 * Runs the administration tool on the database of the server of all tests.
 * @param {string[]} args
 * @returns {Promise<{code: number, output: string}>}
 */
export async function runCli(args, environment = { PATH, DATABASE_URL }) {
  try {
    const { stdout } = await promisify(execFile)(CHAT_CLI, args, { env: environment });
    return { code: 0, output: stdout };
  } catch (error) {
    if (typeof error.code !== 'number') throw error;
    return { code: error.code, output: error.stderr };
  }
}
