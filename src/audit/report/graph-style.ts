/** The picture inside the page: colours are the page's own. */
export const GRAPH_STYLE = `
figure { margin: 0; }
.graph { display: block; width: 100%; height: auto; font-family: inherit; }
.graph.narrow { display: none; max-width: 28rem; margin: 0 auto; }
@media (max-width: 40rem) { .graph.wide { display: none; } .graph.narrow { display: block; } figure { margin: 0 -.5rem; } }
.graph .card rect { fill: var(--sheet); stroke: var(--soft); stroke-width: 1.2; }
.graph .card.hub rect { fill: var(--tint); }
.graph .card.intruder rect { stroke-dasharray: 3 3; }
.graph .card.down rect { stroke: var(--bad); stroke-width: 2.4; }
.graph .name { font-size: 14px; font-weight: 650; fill: var(--ink); }
.graph .who { font-size: 12px; fill: var(--soft); }
.graph .who.down { fill: var(--bad); font-weight: 600; }
.graph.narrow .name { font-size: 11.5px; }
.graph.narrow .who { font-size: 11px; }
.edge .line { fill: none; stroke-width: 1.7; }
.edge .hit { fill: none; stroke: transparent; stroke-width: 16; pointer-events: stroke; }
.edge.works .line { stroke: var(--good); }
.edge.broken .line { stroke: var(--bad); stroke-width: 2.2; stroke-dasharray: 7 5; }
.edge.forbidden .line { stroke: var(--open); stroke-width: 2.6; stroke-dasharray: 1.5 5; stroke-linecap: round; }
.works.head, .edge.works .head { fill: var(--good); }
.broken.head, .edge.broken .head { fill: var(--bad); }
.forbidden.head, .edge.forbidden .head { fill: var(--open); }
.graph a.edge { outline: none; }
.graph a.edge:hover .line, .graph a.edge:focus-visible .line { stroke-width: 4.5; }
.graph a.edge:focus-visible .hit { stroke: var(--link); stroke-opacity: .25; }
.badge { pointer-events: none; }
.badge rect { stroke-width: 1.2; fill: var(--sheet); }
.badge text { font-size: 12px; font-weight: 600; font-variant-numeric: tabular-nums; }
.badge .glyph { fill: none; stroke-width: 2; stroke-linecap: round; }
.badge.works rect { stroke: var(--good); } .badge.works text { fill: var(--good); }
.badge.broken rect { fill: var(--bad); stroke: var(--bad); } .badge.broken text { fill: var(--sheet); } .badge.broken .glyph { stroke: var(--sheet); }
.badge.forbidden rect { fill: var(--open); stroke: var(--open); } .badge.forbidden text { fill: var(--sheet); } .badge.forbidden .glyph { stroke: var(--sheet); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; font-size: .875rem; margin-top: 1rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
.legend li { display: flex; gap: .5rem; align-items: center; }
.legend svg { width: 46px; height: 14px; flex: none; }
.legend .note { color: var(--soft); display: inline; }
`

/** The same for a file of its own, which has no page around it. */
export const GRAPH_FILE_STYLE = `
:root { --sheet: #ffffff; --tint: #f1f3f5; --soft: #5b6470; --ink: #1c2024; --good: #14704a; --bad: #b3202c; --open: #7430b0; --link: #0b57b0; }
@media (prefers-color-scheme: dark) { :root { --sheet: #181c20; --tint: #20252b; --soft: #a2abb6; --ink: #e8eaed; --good: #5cc795; --bad: #ff8088; --open: #cf9bff; --link: #8ab8ff; } }
svg { background: var(--sheet); font-family: system-ui, "Liberation Sans", sans-serif; }
`.concat(
  GRAPH_STYLE.split('\n')
    .filter((line) => /^\.(graph \.|edge|badge|works|broken|forbidden)/.test(line))
    .join('\n'),
)
