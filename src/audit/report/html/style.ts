import { GRAPH_STYLE } from '../graph/svg.js'

const COLOURS = `
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --sheet: #ffffff; --ink: #1c2024; --soft: #5b6470; --rule: #dfe2e6; --tint: #f1f3f5;
  --good: #14704a; --bad: #b3202c; --open: #7430b0; --warn: #8a5a00; --link: #0b57b0;
  --good-tint: #e6f4ec; --bad-tint: #fbe9ea; --open-tint: #f3eafb; --warn-tint: #fbf0dc;
  --shadow: 0 1px 2px rgb(20 25 35 / 6%), 0 6px 24px rgb(20 25 35 / 5%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #101316; --sheet: #181c20; --ink: #e8eaed; --soft: #a2abb6; --rule: #2c3238; --tint: #20252b;
    --good: #5cc795; --bad: #ff8088; --open: #cf9bff; --warn: #f0b54a; --link: #8ab8ff;
    --good-tint: #14291f; --bad-tint: #351a1d; --open-tint: #281a36; --warn-tint: #2f2410;
    --shadow: none;
  }
}
`

const BASE = `
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
code { font: .875em/1.45 ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; }
h2 { font-size: 1.35rem; margin: 0 0 .4rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; }
p { margin: .3rem 0; }
ul, ol { margin: 0; padding: 0; list-style: none; }
[hidden] { display: none !important; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--sheet); padding: .5rem 1rem; z-index: 9; }
.sign { width: 1em; height: 1em; flex: none; fill: none; stroke: currentColor; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round; vertical-align: -.12em; }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
main > section { background: var(--sheet); border: 1px solid var(--rule); border-radius: 14px; box-shadow: var(--shadow); padding: 1.4rem 1.5rem; margin: 0 0 1.25rem; }
.lead { color: var(--soft); margin: 0 0 1rem; max-width: 46rem; }
.more { color: var(--soft); font-size: .9rem; }
summary { cursor: pointer; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--rule); font-weight: 400; overflow-wrap: normal; }
thead th { color: var(--soft); font-size: .8rem; white-space: nowrap; }
tbody th { font-weight: 600; }
td.date { white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.expired td.date { color: var(--bad); }
footer { color: var(--soft); font-size: .875rem; padding-bottom: 2.5rem; }
`

const HEADER = `
.verdict { padding-top: 1.75rem; padding-bottom: 1.25rem; }
.brand { font-weight: 600; color: var(--soft); margin: 0; letter-spacing: .01em; }
.verdict h1 { display: flex; align-items: center; gap: .7rem; font-size: clamp(1.7rem, 5vw, 2.6rem); margin: .3rem 0 .4rem; letter-spacing: -.02em; }
.seal { display: inline-grid; place-items: center; width: 1.35em; height: 1.35em; border-radius: 50%; flex: none; }
.seal .sign { width: .8em; height: .8em; }
.clean .seal { background: var(--good-tint); color: var(--good); }
.warnings .seal { background: var(--warn-tint); color: var(--warn); border-radius: 30%; }
.errors .seal, .crashed .seal { background: var(--bad-tint); color: var(--bad); border-radius: 22%; }
.errors h1, .crashed h1 { color: var(--bad); }
.clean h1 { color: var(--good); }
.summary { font-size: 1.1rem; max-width: 46rem; }
.meta { color: var(--soft); font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: .6rem; margin: 1.1rem 0; }
.tile a { display: block; height: 100%; padding: .6rem .8rem; border: 1px solid var(--rule); border-left: 5px solid currentColor; border-radius: 10px; background: var(--sheet); color: var(--soft); text-decoration: none; }
.tile a:hover { border-color: currentColor; }
.tile b { display: block; font-size: 1.45rem; line-height: 1.25; color: var(--ink); font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile.date b { font-size: 1.15rem; line-height: 1.6; }
.tile span { font-size: .85rem; color: var(--soft); }
.tile.bad a { color: var(--bad); } .tile.bad b { color: var(--bad); }
.tile.warn a { color: var(--warn); }
.tile.good a { color: var(--good); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .95rem; }
`

const FINDINGS = `
#filter { display: flex; flex-wrap: wrap; gap: .6rem 1.2rem; align-items: end; padding: .8rem 1rem; background: var(--tint); border-radius: 10px; }
#filter label { font-size: .85rem; color: var(--soft); }
#filter input[type=search], #filter select { display: block; font: inherit; font-size: 1rem; color: var(--ink); background: var(--sheet); border: 1px solid var(--rule); border-radius: 8px; padding: .4rem .6rem; min-width: 12rem; max-width: 100%; }
#filter fieldset { border: 0; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
#filter legend { font-size: .85rem; color: var(--soft); padding: 0; }
#filter .check { color: var(--ink); font-size: .95rem; padding: .35rem 0; white-space: nowrap; }
#shown { color: var(--soft); font-size: .9rem; margin: .7rem 0; }
.rule { border-top: 1px solid var(--rule); padding: 1rem 0 .6rem; }
.rule h3 { margin: 0 0 .3rem; font-size: 1.05rem; display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .6rem; }
.rule .code, .rule .times { color: var(--soft); font-size: .85rem; font-weight: 400; }
.chip { font-size: .75rem; font-weight: 700; padding: .1rem .5rem; border-radius: 5px; }
.chip.error { background: var(--bad); color: var(--sheet); }
.chip.warning { background: var(--warn-tint); color: var(--warn); box-shadow: inset 0 0 0 1px currentColor; }
.chip.info { background: var(--tint); color: var(--soft); box-shadow: inset 0 0 0 1px currentColor; border-radius: 99px; }
.why { color: var(--soft); font-size: .9rem; max-width: 46rem; }
.cite { white-space: normal; opacity: .85; }
.cite::before { content: "— "; }
.finding { padding: .55rem .8rem; margin: .5rem 0; background: var(--tint); border-radius: 8px; }
.finding:target, .finding:has(:target) { box-shadow: 0 0 0 2px var(--link); }
.place { font-size: .875rem; color: var(--soft); margin: 0; }
.place .node { font-weight: 600; color: var(--ink); }
.place a { text-decoration: none; margin-left: .3rem; }
.place a.cert { text-decoration: underline; }
.message { margin: .15rem 0; }
.fix { font: .85rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; margin: .25rem 0 0; }
.fix code { font: inherit; }
.causes { padding-left: 1.4rem; display: grid; gap: 1.1rem; }
.cause { font-size: 1.05rem; font-weight: 600; }
.cause a { color: inherit; text-decoration: none; }
.cause a:hover, .cause a:focus-visible { text-decoration: underline; }
.effects { font-size: .875rem; color: var(--soft); margin: .25rem 0 0; }
.copy { font: 600 .72rem/1.5 system-ui, "Liberation Sans", sans-serif; margin-left: .6rem; padding: .05rem .5rem; border: 1px solid var(--rule); border-radius: 5px; background: var(--sheet); color: var(--link); cursor: pointer; }
@media print { .copy { display: none; } }
.fix span { font: 700 .72rem/1.5 system-ui, "Liberation Sans", sans-serif; color: var(--good); background: var(--good-tint); padding: .1rem .45rem; border-radius: 5px; margin-right: .3rem; }
`

const LIFE = `
.life { margin: 0 0 .5rem; }
.axis { display: block; overflow: visible; margin-bottom: .2rem; }
.axis text { font-size: 12px; fill: var(--soft); }
.axis line { stroke: var(--rule); } .axis .base { stroke: var(--rule); }
.axis text.now { fill: var(--ink); font-weight: 600; }
line.now { stroke: var(--ink) !important; stroke-width: 1.5; }
.horizon { fill: var(--warn); opacity: .35; }
.life li a { display: grid; grid-template-columns: 1fr auto; gap: 0 .8rem; padding: .15rem 0 .5rem; color: inherit; text-decoration: none; }
.life li a:hover .label { text-decoration: underline; }
.life .label { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: .875rem; }
.life .label i { font-style: normal; font-size: .7rem; font-weight: 700; border: 1px solid currentColor; border-radius: 4px; padding: 0 .25rem; color: var(--soft); }
.life small { color: var(--soft); font-size: .8rem; }
.life .when { font-size: .85rem; color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
.life .bar { grid-column: 1 / -1; display: block; }
.bar .whole { fill: var(--tint); }
.bar .life { fill: var(--good); }
.authority .bar .life { opacity: .55; }
.bar .spread { fill: var(--good); opacity: .4; }
.expiring .bar .life { fill: var(--warn); } .expired .bar .life { fill: var(--bad); } .not-yet-valid .bar .life { fill: var(--open); }
.expiring .when b { color: var(--warn); } .expired .when b { color: var(--bad); } .not-yet-valid .when b { color: var(--open); }
#table { margin-top: 1.2rem; }
.stops small { display: block; color: var(--soft); font-weight: 400; }
`

const PARTS = `
.components li { display: flex; gap: .6rem; padding: .35rem 0; color: var(--good); }
.components li > .sign { margin-top: .3em; }
.components li > div { color: var(--ink); }
.components .down { color: var(--bad); }
details.link { border-top: 1px solid var(--rule); padding: .55rem 0; }
details.link > summary { display: flex; gap: .6rem; align-items: baseline; }
details.link > summary .sign { align-self: center; }
details.link > summary::-webkit-details-marker { display: none; }
details.link > summary::after { content: ""; flex: none; align-self: center; width: .5em; height: .5em; margin-left: auto; border: solid var(--soft); border-width: 0 2px 2px 0; rotate: -45deg; }
details.link[open] > summary::after { rotate: 45deg; }
details.link.works .sign, details.link.refused .sign { color: var(--good); }
details.link.unknown .sign { color: var(--soft); }
details.link.broken .sign { color: var(--bad); } details.link.forbidden .sign { color: var(--open); }
details.link.broken summary span { color: var(--bad); font-weight: 600; } details.link.forbidden summary span { color: var(--open); font-weight: 600; }
details.link:target > summary { outline: 2px solid var(--link); outline-offset: 3px; border-radius: 4px; }
details.link table { min-width: 44rem; margin-top: .4rem; }
details.link td:last-child { min-width: 16rem; }
.gain { color: var(--open); }
#rest details { margin: .6rem 0; }
.plain { padding: .3rem 0 0 1.1rem; font-size: .92rem; list-style: disc; }
.plain .why { display: block; }
dialog { border: 1px solid var(--rule); border-radius: 14px; background: var(--sheet); color: var(--ink); padding: 0; width: min(44rem, calc(100vw - 2rem)); max-height: calc(100vh - 3rem); box-shadow: 0 20px 60px rgb(0 0 0 / 30%); }
dialog::backdrop { background: rgb(10 14 20 / 55%); }
.dialog-head { display: flex; gap: 1rem; justify-content: space-between; align-items: start; padding: 1.1rem 1.3rem .6rem; position: sticky; top: 0; background: var(--sheet); }
.dialog-head h2 { margin: 0; font-size: 1.1rem; }
.dialog-head button { font: inherit; font-size: 1.5rem; line-height: 1; width: 2.4rem; height: 2.4rem; border-radius: 8px; border: 1px solid var(--rule); background: var(--tint); color: var(--ink); cursor: pointer; flex: none; }
#detail-body { padding: 0 1.3rem 1.3rem; }
dl { display: grid; grid-template-columns: 6.5rem 1fr; gap: .3rem .8rem; margin: 0; font-size: .95rem; }
dt { color: var(--soft); grid-column: 1; } dd { margin: 0; grid-column: 2; }
.use.broken { color: var(--bad); } .use.forbidden { color: var(--open); }
@media (max-width: 40rem) {
  main, header, footer { padding-left: .75rem; padding-right: .75rem; }
  main > section { padding: 1.1rem .9rem; border-radius: 12px; }
  .tiles { grid-template-columns: 1fr 1fr; }
  .life li a { grid-template-columns: 1fr; } .life .label { white-space: normal; }
  details.link table { min-width: 0; } details.link thead { display: none; } details.link tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  details.link td { display: block; border: 0; padding: 0; min-width: 0; overflow-wrap: anywhere; } details.link td:nth-child(2)::before { content: "→ "; color: var(--soft); }
  .stops thead { display: none; } .stops tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--rule); }
  .stops th, .stops td { display: block; border: 0; padding: 0; } .stops td.date { display: inline; margin-right: .6rem; font-weight: 600; } .stops small { display: inline; }
  dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; } dd { grid-column: 1; }
  #filter input[type=search], #filter select { width: 100%; min-width: 0; } #filter label:not(.check) { width: 100%; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
@media print {
  :root { --paper: #fff; --sheet: #fff; --ink: #000; --soft: #444; --rule: #bbb; --tint: #f4f4f4; --good: #14704a; --bad: #b3202c; --open: #7430b0; --warn: #8a5a00; --good-tint: #e6f4ec; --bad-tint: #fbe9ea; --open-tint: #f3eafb; --warn-tint: #fbf0dc; --shadow: none; }
  body { font-size: 10.5pt; } nav, #filter, .skip, dialog, .link-here { display: none !important; }
  main, header, footer { max-width: none; padding-left: 0; padding-right: 0; }
  main > section { border: 0; padding: 0; box-shadow: none; } .finding, .tile, tr, .life li { break-inside: avoid; } h2, h3 { break-after: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .scroll { overflow: visible; } details.link table { min-width: 0; } a { color: inherit; }
}
`

/** The page's only style sheet. */
export const STYLE = [COLOURS, BASE, HEADER, GRAPH_STYLE, FINDINGS, LIFE, PARTS].join('')
