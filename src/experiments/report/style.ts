/** The look of pages: quiet, in light and dark, with the reader's own fonts. */
import { darkLineColors, lineColors } from "../display/palette.ts";

const series = (colors: readonly string[]) =>
  colors.map((color, i) => `--series-${i}: ${color};`).join(" ");

/** The style sheet of all pages. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --ink: #1d2126; --quiet: #68707a; --line: #e2e4e7; --raised: #ffffff;
  --good: #1f7a54; --bad: #b3373f;
  ${series(lineColors)}
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e7ea; --quiet: #969fa9; --line: #2c3238; --raised: #1b1f23;
    --good: #5cc295; --bad: #ee7f86;
    ${series(darkLineColors)}
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
main { max-width: 1020px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 24px; font-weight: 600; margin: 0 12px 4px 0; display: inline-block; }
h2 { font-size: 17px; font-weight: 600; margin: 40px 0 4px; }
p { margin: 4px 0 12px; color: var(--quiet); max-width: 72ch; }
.status { font-size: 13px; white-space: nowrap; color: var(--quiet); }
.status.finished { color: var(--good); }
.status.failed { color: var(--bad); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 10px; margin: 20px 0; }
.tile { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.tile b { display: block; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile small { font-size: 12px; font-weight: 400; color: var(--quiet); margin-left: 3px; }
.tile span { font-size: 12px; color: var(--quiet); }
figure { margin: 0; }
.picture { width: fit-content; max-width: 100%; overflow-x: auto; background: #fff; border: 1px solid var(--line); border-radius: 8px; }
.picture img { display: block; max-width: 100%; height: auto; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.wide { overflow-x: auto; }
.wide svg { max-width: none; }
.plots figure {
  background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 12px 12px 4px;
}
.plots figure:has(svg[width="640"]) { grid-column: 1 / -1; }
.plots svg { display: block; width: 100%; height: auto; overflow: visible; }
details { border-top: 1px solid var(--line); margin-top: 28px; padding-top: 12px; }
details + details { margin-top: 12px; }
summary { cursor: pointer; font-weight: 600; }
pre { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-x: auto; }
.message { color: var(--bad); white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 13px; margin-top: 24px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 18px 4px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; }
.table { overflow-x: auto; }
@media (max-width: 640px) {
  main { padding: 24px 14px 48px; }
  .picture img { max-width: none; width: 720px; }
}
`;
