// Scrolling up brings the past page by page, in order, without moving what is being read.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PATIENT_MS, bodiesWith, eventually, messageWith, needsServer, newPerson, openBrowser, say, unique } from './support.js';

const MESSAGES = 120;
const PAGE = 50;

describe('the history of a room', needsServer, () => {
  const tag = unique('past');
  let browser;
  let writer;
  let reader;

  before(async () => {
    browser = await openBrowser();
    writer = await newPerson(browser, { name: 'writer', room: 'progress' });
    await writer.page.evaluate(sendMany, { room: 'progress', tag, count: MESSAGES });
    reader = await newPerson(browser, { name: 'reader', room: 'progress', context: { viewport: { width: 900, height: 600 } } });
  }, { timeout: 2 * PATIENT_MS });

  after(() => browser?.close());

  it('starts with the last page, at its end', async () => {
    await messageWith(reader.page, `${tag} ${MESSAGES}.`).waitFor();
    assert.ok((await bodiesWith(reader.page, tag)).length <= PAGE);
    await eventually(() => reader.page.locator('.log').evaluate(distanceToEnd), 0);
  });

  it('keeps in place what is in sight while an older page comes above it', async () => {
    const log = reader.page.locator('.log');
    const before = (await bodiesWith(reader.page, tag)).length;
    const place = await log.evaluate((element) => {
      element.scrollTop = 40;
      const first = [...element.querySelectorAll('.message')].find((row) => row.getBoundingClientRect().top >= element.getBoundingClientRect().top);
      return { id: first.dataset.messageId, top: first.querySelector('.body').getBoundingClientRect().top };
    });
    await eventually(async () => (await bodiesWith(reader.page, tag)).length > before, true);
    const top = await log.evaluate((element, id) => element.querySelector(`[data-message-id="${id}"] .body`).getBoundingClientRect().top, place.id);
    assert.ok(Math.abs(top - place.top) <= 2, `the message moved from ${place.top} to ${top}`);
  });

  it('comes whole and in order', async () => {
    const log = reader.page.locator('.log');
    const expected = Array.from({ length: MESSAGES }, (_, index) => `${tag} ${index + 1}.`);
    await eventually(async () => {
      await log.evaluate((element) => {
        element.scrollTop = 0;
      });
      return bodiesWith(reader.page, tag);
    }, expected);
  });

  it('does not jump when something new comes below, and leads there on request', async () => {
    const { page } = reader;
    const log = page.locator('.log');
    await log.evaluate((element) => {
      element.scrollTop = 300;
    });
    const pill = page.getByRole('button', { name: /ewest messages|New messages/ });
    await pill.waitFor();
    const scrollTop = await log.evaluate((element) => element.scrollTop);
    const text = unique('fresh');
    await say(writer.page, text);
    await messageWith(page, text).waitFor({ state: 'attached' });
    assert.equal(await log.evaluate((element) => element.scrollTop), scrollTop);
    await pill.click();
    await eventually(() => log.evaluate(distanceToEnd), 0);
    await pill.waitFor({ state: 'hidden' });
  });

  it('keeps the document small however much is loaded', async () => {
    await writer.page.evaluate(sendMany, { room: 'progress', tag: unique('more'), count: 260 });
    const { page } = reader;
    await eventually(() => page.locator('.message').count().then((count) => count > 250 && count <= 320), true);
    await eventually(() => page.locator('.log').evaluate(distanceToEnd), 0);
    const log = page.locator('.log');
    const expected = Array.from({ length: MESSAGES }, (_, index) => `${tag} ${index + 1}.`);
    await eventually(async () => {
      await log.evaluate((element) => {
        element.scrollTop = 0;
      });
      return (await bodiesWith(page, tag))[0];
    }, expected[0]);
    assert.ok((await page.locator('.message').count()) <= 320);
    await eventually(async () => {
      await log.evaluate((element) => {
        element.scrollTop = element.scrollHeight;
      });
      return page.locator('.pill').isHidden();
    }, true);
    assert.ok((await page.locator('.message').count()) <= 320);
    assert.deepEqual(reader.surprises, []);
  });
});

function distanceToEnd(element) {
  return Math.max(0, Math.round(element.scrollHeight - element.scrollTop - element.clientHeight) - 1);
}

/** Runs in the page: sends numbered messages one after the other, waiting as long as the server asks. */
async function sendMany({ room, tag, count }) {
  const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, 'chat.v1');
  const frames = [];
  let wake = () => undefined;
  socket.onmessage = ({ data }) => {
    frames.push(JSON.parse(data));
    wake();
  };
  const next = async (wanted) => {
    for (;;) {
      const index = frames.findIndex(wanted);
      if (index >= 0) return frames.splice(0, index + 1)[index];
      await new Promise((resolve) => (wake = resolve));
    }
  };
  await next((frame) => frame.status === 'connected');
  for (let number = 1; number <= count; ) {
    socket.send(JSON.stringify({ type: 'send_message', id: `${number}`, room, body: `${tag} ${number}.`, key: `${tag}-${number}` }));
    const answer = await next((frame) => frame.re === `${number}`);
    if (answer.type === 'ack') number += 1;
    else if (answer.retry_after_ms) await new Promise((resolve) => setTimeout(resolve, answer.retry_after_ms));
    else throw new Error(`${answer.code}: ${answer.message}`);
  }
  socket.close();
}
