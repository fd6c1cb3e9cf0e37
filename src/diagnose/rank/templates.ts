import { shapeText } from '../../lib/index.ts';
import { mineTemplates, templateOf } from '../../pattern/index.ts';
import type { LogRow } from '../incident.ts';

/** Templates are told apart by their beginning: what follows is most often a value printed at length. */
const charsRead = 400;
/** More different shapes of one service than this are not mined further; each stands for itself. */
const shapesMax = 4_000;

export interface Template {
  id: number;
  service: string;
  text: string;
  severity: string;
  example: LogRow;
}

/** What was mined from records that are still held. */
const minedOf = new WeakMap<readonly LogRow[], Map<LogRow, Template>>();

/** Gives each log record the template of its message, per service; the same records are mined once. */
export function templatesOf(logs: readonly LogRow[]): Map<LogRow, Template> {
  const known = minedOf.get(logs) ?? mineRecords(logs);
  minedOf.set(logs, known);
  return known;
}

function mineRecords(logs: readonly LogRow[]): Map<LogRow, Template> {
  const byService = new Map<string, LogRow[]>();
  for (const log of logs) {
    const list = byService.get(log.service);
    if (list) list.push(log);
    else byService.set(log.service, [log]);
  }
  const found = new Map<LogRow, Template>();
  let id = 0;
  for (const [service, records] of [...byService].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const byShape = new Map<string, LogRow[]>();
    for (const record of records) {
      const text = shapeText(record.body.slice(0, charsRead)).toString();
      const list = byShape.get(text);
      if (list) list.push(record);
      else byShape.set(text, [record]);
    }
    const mined =
      byShape.size > shapesMax
        ? null
        : mineTemplates(
            [...byShape].map(([text, list]) => ({
              shape: text,
              message: (list[0]?.body ?? '').slice(0, charsRead),
              count: list.length,
            })),
          );
    const known = new Map<string, Template>();
    for (const [text, list] of byShape) {
      const example = list[0];
      if (example === undefined) continue;
      const template =
        mined?.templateOfShape.get(text)?.template ?? templateOf(example.body.slice(0, charsRead));
      const key = `${example.severity} ${template}`;
      let entry = known.get(key);
      if (entry === undefined) {
        entry = { id: id++, service, text: template, severity: example.severity, example };
        known.set(key, entry);
      }
      for (const record of list) found.set(record, entry);
    }
  }
  return found;
}
