import { type LogSink, namedService, type Pair, takeSeverity } from '../log-sink.ts';
import { unknownService } from '../otlp/resource.ts';
import type { Values } from './record.ts';

const severityNames = ['level', 'severity'] as const;

/** A record of a table of logs: what its columns are goes to the columns of a log record, the rest is attributes. */
export function writeLog(values: Values, source: () => string, sink: LogSink): void {
  const service = values.role('service') || undefined;
  const host = values.role('host');
  const fields = new Map(values.pairs);
  const severity = values.role('severity') || takeSeverity(fields, severityNames);
  const resource: Pair[] = [...namedService([], service)];
  if (host !== '') resource.push(['host.name', host]);
  sink.resource(service ?? unknownService, resource);
  sink.record({
    timeNs: values.timeNs,
    severity,
    traceId: values.role('trace'),
    spanId: values.role('span'),
    body: values.role('message') || source(),
    attributes: [...fields],
  });
}
