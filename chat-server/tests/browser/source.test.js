// Rules that the page's sources keep: no string ever becomes HTML or code, files stay small and say what they are for.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';

const WEB = new URL('../../web/', import.meta.url);
const LINES_MAX = 300;
const FORBIDDEN = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|createContextualFragment|parseFromString|setHTMLUnsafe/;

const names = (await readdir(WEB, { recursive: true })).filter((name) => /\.(js|css|html)$/.test(name));
const files = await Promise.all(names.map(async (name) => ({ name, text: await readFile(new URL(name, WEB), 'utf8') })));

describe('the sources of the page', () => {
  for (const { name, text } of files) {
    it(`${name} keeps the rules`, () => {
      assert.doesNotMatch(text, FORBIDDEN);
      assert.ok(text.trimEnd().split('\n').length <= LINES_MAX, `more than ${LINES_MAX} lines`);
      if (name.endsWith('.js')) assert.match(text, /^\/\/ .+\n\/\/ @ts-check\n/);
      if (name.endsWith('.css')) assert.match(text, /^\/\* .+/);
      if (name.endsWith('.html')) assert.doesNotMatch(text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
    });
  }
});
