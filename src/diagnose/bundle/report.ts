import type { EpochMs, TimeWindow } from '../../model/index.ts';
import type { Incident, Series } from '../incident.ts';
import type { Answer, AnswerCause } from '../rank/answer.ts';
import { parseReference } from '../rank/reference.ts';
import { ascending, quantile } from '../rank/stats.ts';

/** Causes told in full, charts of each, and points of a chart; a report is read by a person. */
const causesShown = 5;
const chartsMax = 6;
const pointsMax = 400;
const width = 560;
const height = 120;
const pad = { left: 56, right: 8, top: 8, bottom: 18 };

/** One file without scripts and without anything to load: what broke, why, since when, and what was looked at. */
export function reportOf(incident: Incident, answer: Answer): string {
  const words = {
    root_cause: 'Root cause found',
    external: 'The cause lies outside',
    inconclusive: 'Inconclusive',
  };
  const causes = answer.causes.slice(0, causesShown);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(answer.incident)}</title><style>${style}</style></head><body><main>
<header><p class="verdict ${answer.verdict}">${words[answer.verdict]}</p><h1>${text(answer.incident)}</h1>
<p>Since <time>${text(shown(answer.onset))}</time>, looked at until <time>${text(shown(answer.window.to))}</time>; ${
    answer.baseline === null
      ? 'nothing is known from before.'
      : `compared with ${text(shown(answer.baseline.from))} to ${text(shown(answer.baseline.to))}.`
  }</p></header>
${causes.map((cause, i) => causeHtml(incident, answer, cause, i)).join('\n')}
<section><h2>What was looked at</h2><table><thead><tr><th>Layer</th><th>Check</th><th></th><th>Finding</th></tr></thead><tbody>
${answer.checks
  .map(
    (check) =>
      `<tr><td>${check.layer}</td><td>${text(check.check.replace(/_/g, ' '))}</td><td class="${check.status}">${check.status.replace('_', ' ')}</td><td>${text(check.summary)}</td></tr>`,
  )
  .join('\n')}
</tbody></table></section>
${changesHtml(answer)}
${listHtml(
  'About the data',
  answer.caveats.map((caveat) => `${caveat.file}: ${caveat.text}`),
)}
${listHtml('What would tell more', answer.missing)}
</main></body></html>
`;
}

const text = (value: string): string =>
  value.replace(
    /[&<>"]/g,
    (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char] ?? char,
  );
const shown = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

function listHtml(title: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  return `<section><h2>${title}</h2><ul>${items.map((item) => `<li>${text(item)}</li>`).join('')}</ul></section>`;
}

function changesHtml(answer: Answer): string {
  if (answer.changes.length === 0) return '';
  const rows = answer.changes.map(
    (change) =>
      `<tr><td><code>${text(change.id.slice(0, 12))}</code></td><td>${text(change.kind)}</td><td>${text(change.title)}</td><td>${change.blame.toFixed(2)}</td><td>${text(change.considered)}</td></tr>`,
  );
  return `<section><h2>What was changed</h2><table><thead><tr><th>Change</th><th>Kind</th><th>Title</th><th>Blame</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table></section>`;
}

function causeHtml(incident: Incident, answer: Answer, cause: AnswerCause, index: number): string {
  const charts = index > 1 ? [] : chartsOf(incident, answer, cause);
  const refs = cause.evidence.map((evidence) => `<li><code>${text(evidence.ref)}</code></li>`).join('');
  return `<section class="cause"><h2>${index + 1}. ${text(cause.resource)}</h2>
<p class="facts"><b>${text(cause.kind.replace(/_/g, ' '))}</b> in the ${cause.layer} layer, confidence ${cause.score.toFixed(2)}${
    cause.change === null ? '' : `, change <code>${text(cause.change)}</code>`
  }</p>
<ul>${cause.reasons.map((reason) => `<li>${text(reason)}</li>`).join('')}</ul>
<div class="charts">${charts.join('')}</div>
<details><summary>Rows</summary><ul>${refs}</ul></details></section>`;
}

/** Series that the cause's evidence names. */
function chartsOf(incident: Incident, answer: Answer, cause: AnswerCause): string[] {
  const wanted = new Set<Series>();
  for (const { dim, ref } of cause.evidence) {
    if (dim !== 'metric') continue;
    const { where } = parseReference(ref);
    const series = incident.series.find(
      (one) => one.service === where.service && one.metric === where.metric,
    );
    if (series && wanted.size < chartsMax) wanted.add(series);
  }
  return [...wanted].map((series) => chart(series, answer));
}

/** Values around the window, the band of nine tenths of the baseline behind them, the onset as a line. */
function chart(series: Series, answer: Answer): string {
  const window = times(answer.window);
  const baseline = answer.baseline === null ? null : times(answer.baseline);
  const near = baseline !== null && Math.abs(window.from - baseline.to) < 86_400_000 ? baseline : window;
  const lead = (window.to - window.from) * 2;
  const from = Math.max(Math.min(near.from, window.from), window.from - Math.max(lead, 3_600_000));
  const points = pointsOf(series, { from, to: window.to });
  if (points.length < 2) return '';
  const usual = ascending(
    baseline === null ? [] : series.values.filter((_, i) => within(series.times[i] ?? 0, baseline)),
  );
  const band = usual.length >= 3 ? { low: quantile(usual, 0.05), high: quantile(usual, 0.95) } : null;
  const values = [...points.map((point) => point.value), ...(band ? [band.low, band.high] : [])];
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1e-12);
  const x = (at: EpochMs) =>
    (pad.left + ((at - from) / (window.to - from)) * (width - pad.left - pad.right)).toFixed(1);
  const y = (value: number) =>
    (height - pad.bottom - ((value - low) / (high - low)) * (height - pad.top - pad.bottom)).toFixed(1);
  const path = points.map((point, i) => `${i === 0 ? 'M' : 'L'}${x(point.at)} ${y(point.value)}`).join('');
  const onset = Date.parse(answer.onset);
  const right = width - pad.right;
  return `<figure><figcaption>${text(series.service)}: ${text(series.metric)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(series.service)} ${text(series.metric)}">
${band ? `<rect class="band" x="${pad.left}" width="${right - pad.left}" y="${y(band.high)}" height="${Math.max(1, Number(y(band.low)) - Number(y(band.high))).toFixed(1)}"/>` : ''}
<line class="axis" x1="${pad.left}" x2="${right}" y1="${y(low)}" y2="${y(low)}"/>
<line class="onset" x1="${x(onset)}" x2="${x(onset)}" y1="${pad.top}" y2="${height - pad.bottom}"/>
<path class="line" d="${path}"/>
<text x="${pad.left - 6}" y="${pad.top + 8}" text-anchor="end">${compact(high)}</text><text x="${pad.left - 6}" y="${height - pad.bottom}" text-anchor="end">${compact(low)}</text>
<text x="${pad.left}" y="${height - 4}">${new Date(from).toISOString().slice(11, 16)}</text><text x="${right}" y="${height - 4}" text-anchor="end">${new Date(window.to).toISOString().slice(11, 16)}</text>
</svg></figure>`;
}

const times = (window: { from: string; to: string }): TimeWindow => ({
  from: Date.parse(window.from),
  to: Date.parse(window.to),
});
const within = (at: EpochMs, window: TimeWindow): boolean => at >= window.from && at <= window.to;
const compact = (value: number): string =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value);

/** At most `pointsMax` points; of more the most extreme of each piece, so that no spike is lost. */
function pointsOf(series: Series, window: TimeWindow): { at: EpochMs; value: number }[] {
  const all = series.times.flatMap((at, i) =>
    within(at, window) ? [{ at, value: series.values[i] ?? 0 }] : [],
  );
  if (all.length <= pointsMax) return all;
  const size = Math.ceil(all.length / pointsMax);
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => {
    const piece = all.slice(i * size, (i + 1) * size);
    return piece.reduce((most, point) => (Math.abs(point.value) > Math.abs(most.value) ? point : most));
  });
}

const style = `
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
td{overflow-wrap:anywhere}td:nth-child(3){white-space:nowrap}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:.75rem}figure{margin:0}figcaption{font-size:13px;color:var(--soft);overflow-wrap:anywhere}
svg{width:100%;height:auto}svg text{font-size:11px;fill:var(--soft)}.band{fill:var(--band)}.axis{stroke:var(--line)}.onset{stroke:var(--bad);stroke-dasharray:4 3}.line{fill:none;stroke:var(--accent);stroke-width:1.6}
`;
