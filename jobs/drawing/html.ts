/** Text that is markup already. Nothing else gets into a page unescaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes: text is escaped, markup is not, lists are joined, `undefined` leaves nothing. */
export type Child = Markup | string | number | undefined | readonly Child[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Template tag for HTML and SVG. Every value is escaped, for text and for attributes in quotes alike. Templates are
 * indented for who reads the source; the page does without.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Child[]): Markup {
  const raw = strings.map((part) => part.replaceAll(/\n\s+/g, '\n'));
  return new Markup(String.raw({ raw }, ...values.map(render)));
}

function render(child: Child): string {
  if (child === undefined) return '';
  if (child instanceof Markup) return child.text;
  if (typeof child === 'object') return child.map(render).join('');
  return String(child).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
