/** Light and dark, on paper and on a screen; nothing is loaded. */
export const pageStyle = `
:root{color-scheme:light dark;--ink:#16202b;--soft:#5b6875;--line:#d6dde4;--paper:#fff;--band:#dfe9f3;--accent:#1f6feb;--bad:#c1361e;--good:#2c7a46}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--soft:#9aa7b4;--line:#333d47;--paper:#12171c;--band:#22303d;--accent:#6ea8fe;--bad:#ff8a73;--good:#6fcf97}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.25rem}
h1{font-size:1.5rem;margin:.25rem 0}h2{font-size:1.1rem;margin:0 0 .25rem}
section{border-top:1px solid var(--line);padding:1.25rem 0}
.verdict{display:inline-block;margin:0;padding:.1rem .6rem;border-radius:1rem;border:1px solid currentColor;font-weight:600}
.root_cause{color:var(--bad)}.external{color:var(--accent)}.inconclusive,.no_data{color:var(--soft)}.suspect{color:var(--bad)}.ok{color:var(--good)}
.facts{margin:0;color:var(--soft)}ul{padding-left:1.2rem;margin:.5rem 0}li{overflow-wrap:anywhere}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
td{overflow-wrap:anywhere}td:nth-child(-n+3){white-space:nowrap}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:.75rem}figure{margin:0}figcaption{font-size:13px;color:var(--soft);overflow-wrap:anywhere}
section.layer ul code{display:block;color:var(--soft);font-size:12px}
.strip{display:grid;grid-template-columns:repeat(5,1fr);gap:.5rem;list-style:none;padding:0;margin:1rem 0}
.strip li{border:1px solid var(--line);border-top:4px solid var(--soft);border-radius:.3rem;padding:.4rem .6rem;display:flex;flex-direction:column}
.strip span{font-size:13px;color:var(--soft)}.strip .finding{border-top-color:var(--bad)}.strip .excluded,.strip .quiet{border-top-color:var(--good)}.strip .no_data{border-style:dashed}
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}.band{fill:var(--band)}.axis{stroke:var(--line)}.onset{stroke:var(--bad);stroke-dasharray:4 3}.line{fill:none;stroke:var(--accent);stroke-width:1.6}
`;
