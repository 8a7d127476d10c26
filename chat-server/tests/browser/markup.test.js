// Whatever people write is text: in messages and in names, under the page's content security policy.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { bodiesWith, eventually, needsServer, newPerson, openBrowser, say, unique } from './support.js';

const PAYLOADS = [
  '<script>globalThis.ran = 1</script>',
  '<img src=x onerror="globalThis.ran = 2">',
  '<svg onload="globalThis.ran = 3"><circle r=9></svg>',
  '<iframe srcdoc="<script>parent.ran = 4</script>"></iframe>',
  '"><b autofocus onfocus=alert(5)>bold</b>',
  '<a href="javascript:alert(6)">click</a>',
  'javascript:alert(7) http://a"onmouseover="alert(7)',
  '&lt;b&gt;entity&lt;/b&gt; &#60;i&#62;',
  '</bdi></li></ol><style>*{display:none}</style><form action=//evil>',
  '{{constructor.constructor("alert(10)")()}} ${alert(10)} <template><script>alert(10)</script></template>',
];

describe('markup from people', needsServer, () => {
  let browser;
  let reader;

  before(async () => {
    browser = await openBrowser();
    reader = await newPerson(browser, { name: 'reader', room: 'general' });
    await reader.page.evaluate(() => {
      globalThis.violations = [];
      document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(event.violatedDirective));
    });
  });

  after(() => browser?.close());

  it('is shown as text in messages', async () => {
    const tag = unique('m');
    const texts = PAYLOADS.map((payload, index) => `${tag}${index} ${payload}`);
    for (const text of texts) await say(reader.page, text);
    await eventually(() => reader.page.locator('.message.pending').count(), 0);
    await eventually(() => bodiesWith(reader.page, tag), texts);
  });

  it('is shown as text in display names', async () => {
    const page = reader.page;
    for (const payload of PAYLOADS.map((text) => text.slice(0, 60))) {
      const writer = await newPerson(browser, { name: 'writer', displayName: payload, room: 'general' });
      const text = unique('named');
      await say(writer.page, text);
      const message = page.locator('.message').filter({ hasText: text });
      await eventually(() => message.locator('.author .name').textContent(), payload);
      const entry = page.locator(`[data-username="${writer.username}"] .name`);
      await eventually(() => entry.textContent(), payload);
      assert.deepEqual(writer.surprises, []);
      await writer.context.close();
    }
  });

  it('made no element, ran no script, opened no dialog and broke no policy', async () => {
    const found = await reader.page.evaluate(() => {
      const root = document.querySelector('fitness-chat').shadowRoot;
      const foreign = 'script, img, svg:not(.icon), iframe, style, template, b, a[href^="javascript"], form:not(.composer)';
      return { ran: globalThis.ran, violations: globalThis.violations, foreign: root.querySelectorAll(foreign).length };
    });
    assert.deepEqual(found, { ran: undefined, violations: [], foreign: 0 });
    assert.deepEqual(reader.surprises, []);
  });

  it('makes a link of an address and of nothing else', async () => {
    const tag = unique('link');
    await say(reader.page, `${tag} see https://example.org/a?b=1, or ftp://example.org`);
    const link = reader.page.locator('.message').filter({ hasText: tag }).locator('a');
    await eventually(() => link.evaluateAll((links) => links.map((a) => [a.getAttribute('href'), a.textContent, a.rel])), [
      ['https://example.org/a?b=1', 'https://example.org/a?b=1', 'noopener noreferrer nofollow ugc'],
    ]);
  });
});
