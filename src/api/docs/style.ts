/** The page's only style; its digest is in the page's Content-Security-Policy. */
export const docsStyle = `
:root { color-scheme: light dark;
  --ink: #1c2430; --soft: #5b6675; --line: #dfe4ea; --page: #ffffff; --panel: #f6f8fa; --link: #0a58a8;
  --get: #0f6b4f; --post: #0a58a8; --put: #8a5a00; --delete: #b02a37; }
@media (prefers-color-scheme: dark) { :root {
  --ink: #e4e9ef; --soft: #9aa6b4; --line: #2e3742; --page: #14181d; --panel: #1c2229; --link: #79b8ff;
  --get: #58c9a3; --post: #79b8ff; --put: #e3b341; --delete: #ff8a94; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page);
  display: grid; grid-template-columns: 19rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 2rem 1.5rem; border-right: 1px solid var(--line);
  background: var(--panel); font-size: .875rem; }
nav strong { display: block; margin: 1.25rem 0 .35rem; }
nav .home { font-size: 1.15rem; margin-top: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .15rem 0; color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav a:hover, nav a:focus { color: var(--link); text-decoration: underline; }
main { padding: 2rem 2.5rem 5rem; max-width: 62rem; }
h1 { margin: 0 0 .5rem; font-size: 1.9rem; }
h2 { margin: 3rem 0 1rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line); font-size: 1.4rem; }
h3 { margin: 0; font-size: 1.1rem; }
h4 { margin: 1.1rem 0 .35rem; font-size: .8125rem; font-weight: 600; color: var(--soft); text-transform: uppercase; letter-spacing: .04em; }
p { margin: .5rem 0; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .875em; }
h4 a { text-transform: none; letter-spacing: 0; }
td.kind code { white-space: nowrap; display: inline-block; margin-bottom: .15rem; }
p code, td code, li code { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: .05em .3em; overflow-wrap: anywhere; }
pre { margin: .35rem 0; padding: .75rem 1rem; background: var(--panel); border: 1px solid var(--line); border-radius: 6px; overflow-x: auto; line-height: 1.45; }
pre code { font-size: .8125rem; }
section.card { margin: 1.25rem 0; padding: 1.1rem 1.35rem 1.25rem; border: 1px solid var(--line); border-radius: 8px; }
.call { display: flex; flex-wrap: wrap; gap: .35rem .75rem; align-items: baseline; margin: .25rem 0 .5rem; }
.call code { font-size: .95rem; overflow-wrap: anywhere; }
.method { font: 700 .75rem/1.4 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: .03em; }
.get { color: var(--get); } .post { color: var(--post); } .put { color: var(--put); } .delete { color: var(--delete); }
.scope { margin-left: auto; font-size: .8125rem; color: var(--soft); }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: .8125rem; }
tr:last-child > td { border-bottom: 0; }
td p { margin: 0 0 .25rem; }
td.name { width: 13rem; } td.kind { width: 13rem; color: var(--soft); } td.status { width: 6.5rem; white-space: nowrap; } td.name code { white-space: nowrap; overflow-wrap: normal; }
.must { color: var(--delete); font-size: .8125rem; }
.nested { padding-left: 1rem; color: var(--soft); }
.problems { color: var(--soft); font-size: .875rem; }
details > summary { cursor: pointer; color: var(--link); font-size: .875rem; margin-top: .75rem; }
@media (max-width: 56rem) { body { display: block; } nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1.5rem 1rem 4rem; } .scope { margin-left: 0; width: 100%; } td.name, td.kind { width: auto; } }
@media print { nav { display: none; } body { display: block; } section.card { break-inside: avoid; } }
`;
