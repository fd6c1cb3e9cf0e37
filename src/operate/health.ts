import { ClewError, type Clock } from '../lib/index.ts';

/** One measured fact about a part of Clew (source 001, health checks). */
export interface HealthMetric {
  status: boolean;
  metric_name: string;
  metric_value: number | string;
  dimensions: Record<string, string>;
  message: string;
  /** What to do when `status` is false; empty otherwise. */
  suggestion: string;
}

/** A fact and whether it is as it should be; its advice is for those that are not. */
export interface Judged {
  name: string;
  value: number | string;
  ok: boolean;
  message: string;
  suggestion: string;
}

export const metric = ({ name, value, ok, message, suggestion }: Judged): HealthMetric => ({
  status: ok,
  metric_name: name,
  metric_value: value,
  dimensions: {},
  message,
  suggestion: ok ? '' : suggestion,
});

export interface NamespaceReport {
  namespace: string;
  status: boolean;
  data: HealthMetric[];
  message: string;
}

export interface HealthReport {
  status: boolean;
  namespaces: NamespaceReport[];
}

export interface HealthSource {
  namespace: string;
  collect(): Promise<HealthMetric[]>;
}

export interface Health {
  namespaces(): string[];
  /** Throws `bad_request` when a name in `include` or `exclude` is no namespace. */
  report(filter?: { include?: readonly string[]; exclude?: readonly string[] }): Promise<HealthReport>;
}

/** A source slower than this is itself unhealthy; probes must answer well within the usual 5 s of orchestrators. */
const sourceTimeMsMax = 2_000;

async function collectNamespace(clock: Clock, source: HealthSource): Promise<NamespaceReport> {
  const abort = new AbortController();
  const late = clock.sleep(sourceTimeMsMax, abort.signal).then(() => null);
  try {
    const data = await Promise.race([source.collect(), late]);
    if (data === null) return failed(source.namespace, `no answer within ${sourceTimeMsMax} ms`);
    const bad = data.filter((metric) => !metric.status);
    return {
      namespace: source.namespace,
      status: bad.length === 0,
      data,
      message: bad.map((metric) => metric.message).join('; ') || 'ok',
    };
  } catch (error) {
    return failed(source.namespace, error instanceof Error ? error.message : String(error));
  } finally {
    abort.abort();
  }
}

function failed(namespace: string, message: string): NamespaceReport {
  const suggestion = `Look for "${namespace}" in Clew's own log; restart Clew if it stays like this.`;
  const metric: HealthMetric = {
    status: false,
    metric_name: 'answering',
    metric_value: 0,
    dimensions: {},
    message,
    suggestion,
  };
  return { namespace, status: false, data: [metric], message };
}

export function createHealth(clock: Clock, sources: readonly HealthSource[]): Health {
  const known = sources.map((source) => source.namespace);
  const check = (names: readonly string[], parameter: string) => {
    for (const name of names) {
      if (!known.includes(name))
        throw new ClewError(
          'bad_request',
          `${parameter}: "${name}" is not a namespace; there are ${known.join(', ')}.`,
        );
    }
  };
  return {
    namespaces: () => [...known],
    async report({ include = [], exclude = [] } = {}) {
      check(include, 'include');
      check(exclude, 'exclude');
      const chosen = sources.filter(
        (source) =>
          (include.length === 0 || include.includes(source.namespace)) && !exclude.includes(source.namespace),
      );
      const namespaces = await Promise.all(chosen.map((source) => collectNamespace(clock, source)));
      return { status: namespaces.every((namespace) => namespace.status), namespaces };
    },
  };
}
