import type { DetailQuery, DetailStore, QueryStatistics } from '../detail/contract.ts';
import type { TimeWindow } from '../model/index.ts';
import { createBinder, joinClauses } from './clause.ts';

/** What can be asked for its heaviest values. */
export const heaviestOf = ['endpoints', 'users', 'patterns', 'labels'] as const;
export type HeaviestOf = (typeof heaviestOf)[number];
/** What makes a value heavy: how often it came, how long it took (endpoints and users of spans), or failures. */
export const weights = ['count', 'time', 'errors'] as const;
export type Weight = (typeof weights)[number];

export interface HeaviestQuestion {
  of: HeaviestOf;
  weight: Weight;
  service?: string;
  /** Attribute that names a user, or label whose values are counted. */
  attribute: string;
  limit: number;
}

export interface HeaviestValue {
  value: string;
  weight: number;
  /** The weight may be too high by at most this: the counter of heavy values is bounded. 0 when it is exact. */
  overcount: number;
}

export interface Heaviest {
  values: HeaviestValue[];
  /** Different values, by a HyperLogLog-like counter: within 1 %. */
  distinct: number;
  /** Weight of all values together. */
  total: number;
  statistics: QueryStatistics;
}

/** Slots of the space-saving counter for each value asked for: exact up to so many distinct values, bounded beyond. */
const slotsPerValue = 40;
const valueCharsMax = 256;

interface Relation {
  from: string;
  value: string;
  weight: string;
  clauses: string[];
}

function relationOf(question: HeaviestQuestion, bind: (type: string, value: string) => string): Relation {
  const { of, weight, service, attribute } = question;
  const clauses = service === undefined ? [] : [`ServiceName = ${bind('String', service)}`];
  if (of === 'patterns')
    return {
      from: 'otel_logs',
      value: 'toString(Shape)',
      weight: weight === 'errors' ? 'toUInt64(SeverityNumber >= 17)' : 'toUInt64(1)',
      clauses,
    };
  if (of === 'labels') {
    const key = bind('String', attribute);
    return {
      from: `(SELECT Tenant, LastSeen AS Timestamp, ServiceName, Attributes, SeriesId FROM metric_series LIMIT 1 BY SeriesId)`,
      value: `Attributes[${key}]`,
      weight: 'toUInt64(1)',
      clauses: [...clauses, `mapContains(Attributes, ${key})`],
    };
  }
  const spent = {
    count: 'toUInt64(1)',
    time: 'toUInt64(Duration / 1000)',
    errors: "toUInt64(StatusCode = 'Error')",
  }[weight];
  if (of === 'endpoints')
    return {
      from: 'otel_traces',
      value: "concat(ServiceName, ' ', SpanName)",
      weight: spent,
      clauses: [...clauses, "SpanKind IN ('Server', 'Consumer')"],
    };
  const key = bind('String', attribute);
  return {
    from: 'otel_traces',
    value: `SpanAttributes[${key}]`,
    weight: spent,
    clauses: [...clauses, `mapContains(SpanAttributes, ${key})`],
  };
}

/**
 * The heaviest values with one pass and bounded memory: a space-saving counter for the values, a HyperLogLog for how many
 * different ones there are. Counting every value exactly would need memory for each of them.
 */
export function heaviestQuery(tenant: string, window: TimeWindow, question: HeaviestQuestion): DetailQuery {
  const binder = createBinder();
  const relation = relationOf(question, (type, value) => binder.bind(type, value));
  // Series stand under the hour in which they were last seen, and their order has no minute.
  const where =
    question.of === 'labels'
      ? joinClauses(
          relation.clauses,
          "Tenant = {tenant:String} AND Timestamp >= {from:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR AND Timestamp < {to:DateTime64(9, 'UTC')} + INTERVAL 1 HOUR",
        )
      : joinClauses(relation.clauses);
  return {
    name: `heaviest.${question.of}`,
    tenant,
    window,
    sql: `SELECT arrayFilter(x -> x.count > 0, topKWeighted(${question.limit}, ${slotsPerValue}, 'counts')(value, weight)) AS top,
  uniqCombined64(value) AS distinct_values, sum(weight) AS total
FROM (
  SELECT substring(${relation.value}, 1, ${valueCharsMax}) AS value, ${relation.weight} AS weight
  FROM ${relation.from}
  WHERE ${where}
)
WHERE weight > 0`,
    params: binder.params,
  };
}

interface Row {
  top: { item: string; count: string; error: string }[];
  distinct_values: string;
  total: string;
}

export async function heaviestValues(
  detail: DetailStore,
  tenant: string,
  window: TimeWindow,
  question: HeaviestQuestion,
): Promise<Heaviest> {
  const { rows, statistics } = await detail.query<Row>(heaviestQuery(tenant, window, question));
  const [row] = rows;
  // Microseconds of the counter become milliseconds.
  const unit =
    question.weight === 'time' && (question.of === 'endpoints' || question.of === 'users') ? 1_000 : 1;
  const values = (row?.top ?? [])
    .map(({ item, count, error }) => ({
      value: item,
      weight: Number(count) / unit,
      overcount: Number(error) / unit,
    }))
    .sort((a, b) => b.weight - a.weight || (a.value < b.value ? -1 : 1));
  return {
    values,
    distinct: Number(row?.distinct_values ?? 0),
    total: Number(row?.total ?? 0) / unit,
    statistics,
  };
}
