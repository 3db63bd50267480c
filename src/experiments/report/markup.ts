/**
 * HTML in which nothing is forgotten: what a template puts in is escaped, unless it is HTML made in the same way.
 */

/** HTML that is safe to put into other HTML. */
export class Markup {
  constructor(readonly text: string) {}
}

type Part = string | number | Markup | readonly Part[];

/** A template whose parts are escaped; lists of parts stand below one another. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(
    texts.map((text, i) => text + (i < parts.length ? told(parts[i]!) : "")).join(""),
  );
}

function told(part: Part): string {
  if (part instanceof Markup) return part.text;
  if (typeof part === "string") return escapeHtml(part);
  return typeof part === "number" ? String(part) : part.map(told).join("\n");
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** A table with a header. */
export function htmlTable([header = [], ...rows]: readonly (readonly string[])[]): Markup {
  const head = header.map((cell) => html`<th>${cell}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`);
  return html`
    <div class="table">
      <table><tr>${head}</tr>${body}</table>
    </div>
  `;
}
