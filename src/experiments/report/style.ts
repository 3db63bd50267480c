/** How pages look: quiet, in light and dark, with the reader's own fonts. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --ink: #1d2126; --quiet: #68707a; --line: #e2e4e7; --raised: #ffffff;
  --good: #1f7a54; --bad: #b3373f;
  --series-0: #3b7dd8; --series-1: #d9822b; --series-2: #2a9d77;
  --series-3: #c2456b; --series-4: #8a63c9; --series-5: #7a7f87;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e7ea; --quiet: #969fa9; --line: #2c3238; --raised: #1b1f23;
    --good: #5cc295; --bad: #ee7f86;
    --series-0: #6aa5f2; --series-1: #eda55a; --series-2: #55c79f;
    --series-3: #e57a9a; --series-4: #b291ea; --series-5: #a2a9b2;
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
.picture { width: fit-content; max-width: 100%; overflow: hidden; background: #fff; border: 1px solid var(--line); border-radius: 8px; }
.picture img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 16px; }
.plots figure {
  background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: 12px 12px 4px;
}
.plots svg { display: block; width: 100%; height: auto; overflow: visible; }
figcaption { font-size: 13px; font-weight: 600; margin: 0 4px; }
.key { font-weight: 400; font-size: 12px; color: var(--quiet); margin-right: 14px; white-space: nowrap; }
.key i { display: inline-block; width: 18px; margin-right: 5px; vertical-align: middle; }
details { border-top: 1px solid var(--line); margin-top: 28px; padding-top: 12px; }
details + details { margin-top: 12px; }
summary { cursor: pointer; font-weight: 600; }
pre { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-x: auto; }
.message { color: var(--bad); white-space: pre-wrap; }
table { border-collapse: collapse; font-size: 13px; margin-top: 24px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 4px 18px 4px 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
@media (max-width: 480px) { .plots { grid-template-columns: 1fr; } }
`;
