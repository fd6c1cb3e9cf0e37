/**
 * import — files of other programs as rows of a bundle: the history of a host (sadf, atop), traces (Jaeger, OTLP as JSON),
 * tables of metrics (CSV), series of a Prometheus.
 *
 * Contract: what a file is, its content says; an importer names file, line and field of what it can't read; nothing of a
 * file that can't be read is written. Figures get the names that the catalogue of checks knows.
 */
import { importAtop } from './atop.ts';
import { importCsv } from './csv.ts';
import { type ForeignFile, type RowSink, unreadable } from './rows.ts';
import { importSadf } from './sadf.ts';
import { importJaeger, importOtlp } from './traces.ts';

export { seriesName } from '../series-name.ts';
export { importPrometheus, type PrometheusImport, windowOf } from './prometheus.ts';
export type { ForeignFile, ImportedLog, ImportedSpan, RowSink } from './rows.ts';
export { type BundleMeta, BundleWriter, type Written } from './write.ts';

const importers = {
  sadf: importSadf,
  atop: importAtop,
  jaeger: importJaeger,
  otlp: importOtlp,
  csv: importCsv,
};
export type ForeignKind = keyof typeof importers;
export const foreignKinds = Object.keys(importers) as readonly ForeignKind[];

/** Characters that tell what a file is. */
const headChars = 8_192;

/** What program made a file; null when nothing known did. */
export function foreignKind({ text }: ForeignFile): ForeignKind | null {
  const head = text.slice(0, headChars).trimStart();
  if (/^\{\s*"sysstat"/.test(head)) return 'sadf';
  if (/^\{[\s\S]*"resource(Spans|Logs|Metrics)"/.test(head)) return 'otlp';
  if (/^\{[\s\S]*"(traceID|processes)"/.test(head)) return 'jaeger';
  if (/^(RESET|SEP|[A-Z]{3} \S+ \d{9,11} \d{4}\/\d\d\/\d\d )/m.test(head)) return 'atop';
  if (/^[^\n{]*[,\t][^\n]*\n/.test(head)) return 'csv';
  return null;
}

/** Reads a file into the sink; `kind` where its content should not decide. */
export function importFile(
  file: ForeignFile,
  sink: RowSink,
  kind: ForeignKind | null = foreignKind(file),
): ForeignKind {
  if (kind === null)
    throw unreadable(
      file.name,
      '',
      `what made it is not known; there are importers for ${foreignKinds.join(', ')}.`,
    );
  importers[kind](file, sink);
  return kind;
}
