// The page fits small and large screens, in light and in dark, and passes the accessibility rules.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { PASSWORD, composer, eventually, messageWith, needsServer, newContext, newPerson, openBrowser, say, tryPost, unique } from './support.js';

const SCREENS = [
  { name: 'phone', width: 360, height: 800 },
  { name: 'tablet', width: 800, height: 1000 },
  { name: 'desktop', width: 1440, height: 900 },
];
const DEVICES = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1',
  `a-program-of-its-own/${'with_a_long_name_'.repeat(6)}`,
];
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = process.env.CHAT_SCREENSHOTS;
if (folder) await mkdir(folder, { recursive: true });

describe('the look of the page', needsServer, () => {
  let browser;
  let friend;

  before(async () => {
    browser = await openBrowser();
    friend = await newPerson(browser, { name: 'friend', displayName: 'Fränzi with a rather long name that has to end somewhere', room: 'workout-tips' });
    await say(friend.page, 'Three sets of eight, and rest two minutes between them.');
    await say(friend.page, `A_very_long_word_${'x'.repeat(200)}`);
    await say(friend.page, 'שלום, מה שלומך?\nhttps://example.org/a/rather/long/address/that/does/not/fit/on/a/phone?with=query');
  });

  after(() => browser?.close());

  for (const colorScheme of ['light', 'dark']) {
    for (const { name, width, height } of SCREENS) {
      const context = { viewport: { width, height }, colorScheme, bypassCSP: true, hasTouch: name === 'phone' };

      it(`of signing in: ${name}, ${colorScheme}`, async () => {
        const own = await newContext(browser, context);
        const page = await own.newPage();
        await page.goto('/login');
        await page.getByRole('button', { name: 'Create an account' }).waitFor();
        await check(page, `${name}-${colorScheme}-sign-in`);
        await page.getByRole('button', { name: 'Create an account' }).click();
        await check(page, `${name}-${colorScheme}-sign-up`);
        await own.close();
      });

      it(`of the chat: ${name}, ${colorScheme}`, async () => {
        const person = await newPerson(browser, { name: 'eva', room: 'workout-tips', context });
        const { page } = person;
        await say(page, 'Thanks!');
        await say(page, `And a longer answer that needs more than one line on a small screen. ${unique('answer')}`);
        await eventually(() => page.locator('.message.pending').count(), 0);
        await composer(friend.page).pressSequentially('x');
        await composer(friend.page).fill('');
        await check(page, `${name}-${colorScheme}-messages`);

        await page.evaluate(() => globalThis.testNetwork.cut());
        await page.locator('.banner').waitFor();
        await say(page, 'Written without a network.');
        await messageWith(page, 'Written without a network.').waitFor();
        await check(page, `${name}-${colorScheme}-offline`);

        if (name === 'desktop') return person.context.close();
        await page.getByRole('button', { name: 'Members', exact: true }).click();
        await check(page, `${name}-${colorScheme}-members`);
        await page.getByRole('button', { name: 'Back to the messages' }).click();
        if (name === 'phone') {
          await page.getByRole('button', { name: 'Back to the rooms' }).click();
          await page.locator('.room').first().waitFor();
          await check(page, `${name}-${colorScheme}-rooms`);
        }
        return person.context.close();
      });

      it(`of the account: ${name}, ${colorScheme}`, async () => {
        const person = await newPerson(browser, { name: 'eva', displayName: 'Eva Ärmel', context });
        const { page } = person;
        for (const agent of DEVICES) {
          const signedIn = await tryPost(person.context, 'login', { username: person.username, password: PASSWORD }, { 'User-Agent': agent });
          assert.equal(signedIn.status, 200);
        }
        await page.goto('/chat');
        await page.getByRole('button', { name: 'Your account' }).click();
        await eventually(() => page.locator('.device button').count(), DEVICES.length + 1);
        await check(page, `${name}-${colorScheme}-account`);

        await page.getByRole('button', { name: 'Sign out Firefox on Windows' }).click();
        await page.getByText('Firefox on Windows was signed out.').waitFor();
        await page.getByLabel('Current password').fill('not this one');
        await page.getByLabel('New password').fill('nor this one');
        await page.getByLabel('Show what I type').check();
        await page.getByRole('button', { name: 'Change password' }).click();
        await page.getByText('the current password is wrong').waitFor();
        await check(page, `${name}-${colorScheme}-account-error`);
        return person.context.close();
      });
    }
  }
});

async function check(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
  const overflow = await page.evaluate(() => {
    const root = document.querySelector('fitness-chat')?.shadowRoot;
    const scrollers = [document.scrollingElement, ...(root?.querySelectorAll('.frame, .panes, .pane, .log, .room-list, .online-list, .account') ?? [])];
    return scrollers.filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => element.className || element.tagName);
  });
  assert.deepEqual(overflow, [], `${name} overflows sideways`);
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async (rules) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: rules } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(' | ')}`);
  }, RULES);
  assert.deepEqual(violations, [], `${name} breaks accessibility rules`);
}
