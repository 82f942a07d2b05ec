import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { html } from '../../jobs/drawing/html.ts';

test('text is escaped in content and in attributes, markup is taken as it is', () => {
  const reason = `<script>alert("1")</script> & 'more'`;
  const escaped = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;more&#39;';
  const item = html`<i title="${reason}">${reason}</i>`;
  expect(html`<b>${[item, 'a < b']}</b>`.text).toBe(`<b><i title="${escaped}">${escaped}</i>a &lt; b</b>`);
});

test('numbers are written as they are, undefined leaves nothing, lists are joined at any depth', () => {
  expect(html`<p>${0}${undefined}${[1, [html`<b>2</b>`, '3']]}</p>`.text).toBe('<p>01<b>2</b>3</p>');
});

test('indentation of a template goes, white space of values stays', () => {
  const list = html`<ul>
    <li>${'x\n   y'}</li>
  </ul>`;
  expect(list.text).toBe('<ul>\n<li>x\n   y</li>\n</ul>');
});

test('no text can leave the place that it is put into', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...`<>&"'abc;#39lt/ `) }), (text) => {
      const written = html`${text}`.text;
      expect(written).not.toMatch(/[<>"']/);
      const read = written.replaceAll(
        /&(lt|gt|amp|quot|#39);/g,
        (_, name: string) => ({ lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" })[name]!,
      );
      expect(read).toBe(text);
    }),
  );
});
