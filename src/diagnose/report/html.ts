import { leastOf, mostOf } from '../../lib/index.ts';
import type { EpochMs, Language, SeriesPoint, TimeWindow } from '../../model/index.ts';
import type { Incident, Series } from '../incident.ts';
import type { Answer, AnswerCause } from '../rank/answer.ts';
import { parseReference } from '../rank/reference.ts';
import { ascending, quantile } from '../rank/stats.ts';
import { pageStyle } from './html-style.ts';
import type { FullAnswer, FullDiagnosis, LayerAnswer, LayerFinding } from './judged.ts';
import { answerIn } from './language.ts';
import { type ReportWords, reportWords, stateOf } from './words.ts';

/** Causes told in full, charts of each and of a layer, and points of a chart; a report is read by a person. */
const causesShown = 5;
const chartsMax = 6;
const layerChartsMax = 4;
const pointsMax = 400;
const width = 560;
const height = 120;
const pad = { left: 56, right: 8, top: 8, bottom: 18 };

/** One file without scripts and without anything to load: what broke, why, since when, and what was looked at. */
export function htmlOf(incident: Incident, diagnosis: FullDiagnosis, language: Language): string {
  const answer = answerIn(language, diagnosis.answer);
  const words = reportWords(language);
  const { t, word } = words;
  const causes = answer.causes.slice(0, causesShown);
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(answer.incident)}</title><style>${pageStyle}</style></head><body><main>
<header><p class="verdict ${answer.verdict}">${word('verdict', answer.verdict)}</p><h1>${text(answer.incident)}</h1>
<p>${text(t('since', { onset: shown(answer.onset), to: shown(answer.window.to) }))}${text(
    answer.baseline === null
      ? t('noBaseline')
      : t('compared', { from: shown(answer.baseline.from), to: shown(answer.baseline.to) }),
  )}</p></header>
${stripHtml(answer, words)}
${causes.map((cause, i) => causeHtml(incident, answer, cause, i, words)).join('\n')}
${answer.layers.map((layer, i) => layerHtml(diagnosis, answer, layer, i, words)).join('\n')}
<section><h2>${t('looked')}</h2><table><thead><tr><th>${t('layer')}</th><th>${t('check')}</th><th></th><th>${t('finding')}</th></tr></thead><tbody>
${answer.checks
  .map(
    (check) =>
      `<tr><td>${word('layer', check.layer)}</td><td>${text(word('check', check.check))}</td><td class="${check.status}">${word('status', check.status)}</td><td>${text(check.summary)}</td></tr>`,
  )
  .join('\n')}
</tbody></table></section>
${changesHtml(answer, words)}
${listHtml(
  t('aboutData'),
  answer.caveats.map((caveat) => `${caveat.file}${words.colon}${caveat.text}`),
)}
${listHtml(t('more'), answer.missing)}
</main></body></html>
`;
}

/** The layers side by side: where something was found, what is excluded, where nobody could look. */
const stripHtml = (answer: FullAnswer, { word, status }: ReportWords): string =>
  `<ol class="strip">${answer.layers
    .map(
      (layer) =>
        `<li class="${stateOf(layer)}"><b>${word('layer', layer.layer)}</b><span>${status(layer)}</span></li>`,
    )
    .join('')}</ol>`;

function layerHtml(
  { pointsOf, answer: given }: FullDiagnosis,
  answer: Answer,
  layer: LayerAnswer,
  index: number,
  { t, word }: ReportWords,
): string {
  // Points are kept by the finding as it was made, whatever language it is said in.
  const made = given.layers[index]?.findings ?? [];
  const charts = layer.findings
    .flatMap((finding, i) => {
      const points = made[i] === undefined ? [] : pointsOf(made[i]);
      return points.length > 1 ? [findingChart(finding, points, answer)] : [];
    })
    .slice(0, layerChartsMax);
  const found = layer.findings.map(
    (finding) =>
      `<li>${text(finding.text)}${finding.evidence.map((one) => ` <code>${text(one.ref)}</code>`).join('')}</li>`,
  );
  return `<section class="layer"><h2>${t('layer')} ${word('layer', layer.layer)}</h2><p class="facts">${text(layer.text)}</p>${
    found.length > 0 ? `<ul>${found.join('')}</ul>` : ''
  }<div class="charts">${charts.join('')}</div></section>`;
}

function findingChart(finding: LayerFinding, points: readonly SeriesPoint[], answer: Answer): string {
  const known = points.flatMap(({ at, value }) => (value === null ? [] : [{ at, value }]));
  const series: Series = {
    service: finding.resource,
    metric: finding.title.en,
    times: known.map(({ at }) => at),
    values: known.map(({ value }) => value),
  };
  return chart(series, answer);
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

function changesHtml(answer: Answer, { t, word }: ReportWords): string {
  if (answer.changes.length === 0) return '';
  const rows = answer.changes.map(
    (change) =>
      `<tr><td><code>${text(change.id.slice(0, 12))}</code></td><td>${text(word('change', change.kind))}</td><td>${text(change.title)}</td><td>${change.blame.toFixed(2)}</td><td>${text(change.considered)}</td></tr>`,
  );
  return `<section><h2>${t('changed')}</h2><table><thead><tr><th>${t('change')}</th><th>${t('kind')}</th><th>${t('title')}</th><th>${t('blame')}</th><th></th></tr></thead><tbody>${rows.join('')}</tbody></table></section>`;
}

function causeHtml(
  incident: Incident,
  answer: Answer,
  cause: AnswerCause,
  index: number,
  { t, word }: ReportWords,
): string {
  const charts = index > 1 ? [] : chartsOf(incident, answer, cause);
  const refs = cause.evidence.map((evidence) => `<li><code>${text(evidence.ref)}</code></li>`).join('');
  return `<section class="cause"><h2>${index + 1}. ${text(cause.resource)}</h2>
<p class="facts"><b>${text(word('kind', cause.kind))}</b> ${t('inLayer', { layer: word('layer', cause.layer) })}, ${t('confidence')} ${cause.score.toFixed(2)}${
    cause.change === null ? '' : `, ${t('change')} <code>${text(cause.change)}</code>`
  }</p>
<ul>${cause.reasons.map((reason) => `<li>${text(reason)}</li>`).join('')}</ul>
<div class="charts">${charts.join('')}</div>
<details><summary>${t('rows')}</summary><ul>${refs}</ul></details></section>`;
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
  const low = Math.min(0, leastOf(values));
  const high = Math.max(mostOf(values), low + 1e-12);
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
