import { sentence } from '../../model/index.ts';
import type { StatementPicture } from '../picture.ts';
import { type Check, hit, median, noData, number, outcome, ratioStrength, rowsOf } from './check.ts';

/** Database statements that take much longer than before, grouped by their text without values. */
const countMin = 3;
const factorMin = 3;
const addedMsMin = 5;

export const statements: Check = {
  id: 'slow_statements',
  layer: 'data',
  run(picture) {
    if (picture.statements.length === 0) return noData(sentence('statement.no_data', {}));
    const compared = picture.statements.filter(
      (s) => s.incident.count >= countMin && s.baseline.count >= countMin,
    );
    const hits = compared.flatMap((statement) => {
      const ratio = statement.incident.meanMs / Math.max(0.1, statement.baseline.meanMs);
      const addedMs = statement.incident.meanMs - statement.baseline.meanMs;
      if (ratio < factorMin || addedMs < addedMsMin) return [];
      return [
        hit({
          service: statement.service,
          resource: statement.resource,
          strength: ratioStrength(ratio) * 0.6 + 0.4,
          says: sentence('statement.slow', {
            service: statement.service,
            statement: statement.statement.slice(0, 120),
            now: number(statement.incident.meanMs),
            before: number(statement.baseline.meanMs),
            count: statement.incident.count,
          }),
          values: {
            ratio,
            addedMs,
            totalMs: addedMs * statement.incident.count,
            others: othersRatio(statement, compared),
          },
          facts: {
            statement: statement.sample.slice(0, 500),
            table: statement.table || tableOf(statement.statement),
            namespace: statement.namespace,
            system: statement.system,
          },
          evidence: [
            {
              dim: 'trace',
              resource: statement.resource,
              filter: rowsOf(picture, 'otel_traces', whichSpans(statement), {
                only: 'slow',
                thresholdMs: 2 * statement.baseline.meanMs,
              }),
            },
          ],
        }),
      ];
    });
    return outcome(hits, sentence('statement.ok', { count: compared.length }));
  },
};

/** How the service's other statements changed: when all slow down alike, it is not this statement. */
function othersRatio(statement: StatementPicture, all: readonly StatementPicture[]): number {
  const others = all.filter((s) => s !== statement && s.service === statement.service);
  return others.length === 0
    ? 1
    : median(others.map((s) => s.incident.meanMs / Math.max(0.1, s.baseline.meanMs)));
}

/** The text itself where it is always the same; where it carries values, the span's name finds all of them. */
const whichSpans = (statement: StatementPicture): Record<string, string> =>
  statement.texts === 1
    ? { ServiceName: statement.service, [statement.column]: statement.sample }
    : { ServiceName: statement.service, SpanName: statement.spanName };

function tableOf(statement: string): string {
  return /\b(?:from|into|update|join)\s+["'`[]?([\w.]+)/i.exec(statement)?.[1] ?? '';
}
