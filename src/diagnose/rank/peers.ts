import type { SpanRow } from '../incident.ts';

/** Attributes by which a calling span names whom it calls, most telling first. */
const nameKeys = [
  'peer.service',
  'db.name',
  'db.namespace',
  'server.address',
  'net.peer.name',
  'messaging.destination.name',
  'messaging.destination',
  'rpc.service',
] as const;
const addressKeys = ['url.full', 'http.url', 'db.connection_string'] as const;

export type PeerKind = 'database' | 'queue' | 'service' | 'outside';

export interface Peer {
  name: string;
  kind: PeerKind;
}

/** Whom a span calls that has no span of its own: a database, a queue, a provider, or a service that keeps silent. */
export function peerOf(span: SpanRow, known: ReadonlySet<string>): Peer | null {
  const { attributes } = span;
  const names = nameKeys.map((key) => bare(attributes[key] ?? '')).filter((name) => name !== '');
  for (const key of addressKeys) {
    const host = /\/\/(?:[^@/]*@)?([^:/?#]+)/.exec(attributes[key] ?? '')?.[1];
    if (host !== undefined) names.push(host);
  }
  const name = names.find((one) => known.has(one)) ?? names[0];
  const system = attributes['db.system'] ?? attributes['db.system.name'] ?? '';
  if (name === undefined && system === '') return null;
  const kind: PeerKind =
    system !== ''
      ? 'database'
      : 'messaging.system' in attributes
        ? 'queue'
        : known.has(name ?? '')
          ? 'service'
          : 'outside';
  return { name: name ?? `${system} of ${span.service}`, kind };
}

/** An address without port; loopback names nobody. */
function bare(address: string): string {
  const name = address
    .replace(/^\w+:\/\//, '')
    .replace(/:\d+$/, '')
    .trim();
  return /^(localhost|127\.|::1|0\.0\.0\.0)/.test(name) ? '' : name;
}
