import { describe, expect, it } from 'vitest';
import { incidentWith } from '../../../test/support/incident.ts';
import type { Incident, SpanRow } from '../incident.ts';
import { judge } from './judge.ts';

const onset = Date.UTC(2026, 2, 3, 10, 0, 0);
const baselineS = 240;
const incidentS = 30;

interface Story {
  /** How the caller addresses the callee. */
  call: Record<string, string>;
  /** What a call says that nobody answers. */
  refused: Record<string, string>;
}

/** Two requests a second through `shop` to `stock`; from the onset on `stock` answers nobody. */
function incidentOf({ call, refused }: Story): Incident {
  const spans: SpanRow[] = [];
  for (let i = 0; i < 2 * (baselineS + incidentS); i++) {
    const start = onset - baselineS * 1000 + i * 500 + 10;
    const gone = start >= onset;
    const traceId = `t${i}`;
    const span = (spanId: string, parentId: string, service: string, rest: Partial<SpanRow>): SpanRow => ({
      traceId,
      spanId: `${spanId}${i}`,
      parentId: parentId === '' ? '' : `${parentId}${i}`,
      service,
      name: `${service} handle`,
      start,
      durationMs: 10,
      status: 'OK',
      attributes: {},
      ...rest,
    });
    spans.push(
      span('a', '', 'shop', { kind: 'server', status: gone ? 'ERROR' : 'OK', attributes: call }),
      span('b', 'a', 'shop', {
        kind: 'client',
        name: 'GET',
        durationMs: 6,
        status: gone ? 'ERROR' : 'OK',
        attributes: { ...call, ...(gone ? refused : {}) },
      }),
    );
    if (!gone) spans.push(span('c', 'b', 'stock', { kind: 'server', durationMs: 5 }));
  }
  const window = { from: onset, to: onset + incidentS * 1000 };
  const baseline = { from: onset - baselineS * 1000, to: onset };
  return incidentWith({ at: onset, window, baseline, spans });
}

describe('who does not answer is found by the calls that were answered before', () => {
  const refused = { 'error.type': 'ECONNREFUSED' };
  const addresses: [string, Record<string, string>][] = [
    ['a name in the cluster', { 'server.address': 'stock.prod.svc.cluster.local', 'server.port': '80' }],
    ['a host that is named otherwise', { 'server.address': 'a17.example.net', 'server.port': '8080' }],
    ['a port of the same machine', { 'server.address': '127.0.0.1', 'server.port': '4711' }],
    ['a URL', { 'url.full': 'http://10.0.0.9:8080/stock?sku=1' }],
    ['the older names', { 'net.peer.name': '10.0.0.9', 'net.peer.port': '8080' }],
  ];
  it.each(addresses)('addressed by %s', (_, call) => {
    const { verdict, causes } = judge(incidentOf({ call, refused }));
    expect([verdict, causes[0]?.resource, causes[0]?.kind]).toEqual(['root_cause', 'stock', 'service_down']);
  });

  it('also where a proxy answers for it', () => {
    const call = { 'server.address': '10.0.0.1', 'server.port': '15001' };
    const { causes } = judge(incidentOf({ call, refused: { 'http.response.status_code': '503' } }));
    expect([causes[0]?.resource, causes[0]?.kind]).toEqual(['stock', 'service_down']);
  });

  it('and is not said to be down where callers only waited too long', () => {
    const call = { 'server.address': '10.0.0.9', 'server.port': '8080' };
    const { causes } = judge(incidentOf({ call, refused: { 'error.type': 'TimeoutError' } }));
    expect(causes[0]?.resource).toBe('stock');
    expect(causes[0]?.kind).not.toBe('service_down');
  });

  it('but a place that never answered with spans of its own stays outside', () => {
    const incident = incidentOf({
      call: { 'server.address': 'pay.example.com', 'server.port': '443' },
      refused,
    });
    const spans = incident.spans.filter(({ service }) => service !== 'stock');
    const { verdict, causes } = judge({ ...incident, spans });
    expect([verdict, causes[0]?.resource, causes[0]?.kind]).toEqual([
      'external',
      'pay.example.com',
      'external_dependency',
    ]);
  });
});
