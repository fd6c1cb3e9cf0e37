/** Real packets and a file of them, as tcpdump would write it: Ethernet, IPv4 and IPv6, TCP, UDP and ICMP with checksums. */
export interface Packet {
  /** Microseconds since 1970. */
  atUs: number;
  bytes: Buffer;
}

export interface Spec {
  atUs: number;
  src: string;
  dst: string;
  protocol: 'tcp' | 'udp' | 'icmp';
  srcPort?: number;
  dstPort?: number;
  /** TCP flags; type and code of ICMP as type << 8 | code. */
  flags?: number;
  icmp?: number;
  payload: number;
  vlan?: number;
  tos?: number;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** `::1` and the like as sixteen bytes, `10.0.0.1` as four. */
export function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number));
  const [head = '', tail] = text.split('::');
  const groups = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  const bytes = Buffer.alloc(16);
  for (const [i, group] of all.entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}

const numbers = { tcp: 6, udp: 17, icmp: 1 };

function transport(spec: Spec, isIpv6: boolean): Buffer {
  const payload = Buffer.alloc(spec.payload, 0x61);
  if (spec.protocol === 'icmp') {
    const head = Buffer.alloc(8);
    head.writeUInt16BE(spec.icmp ?? (isIpv6 ? 128 << 8 : 8 << 8), 0);
    return Buffer.concat([head, payload]);
  }
  const head = Buffer.alloc(spec.protocol === 'tcp' ? 20 : 8);
  head.writeUInt16BE(spec.srcPort ?? 0, 0);
  head.writeUInt16BE(spec.dstPort ?? 0, 2);
  if (spec.protocol === 'tcp') {
    head.writeUInt8(5 << 4, 12);
    head.writeUInt8(spec.flags ?? 0x10, 13);
    head.writeUInt16BE(65_535, 14);
  } else head.writeUInt16BE(8 + spec.payload, 4);
  return Buffer.concat([head, payload]);
}

function ip(spec: Spec): { type: number; bytes: Buffer } {
  const [src, dst] = [addressBytes(spec.src), addressBytes(spec.dst)];
  const isIpv6 = src.length === 16;
  const number = isIpv6 && spec.protocol === 'icmp' ? 58 : numbers[spec.protocol];
  const body = transport(spec, isIpv6);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length, 0);
  const pseudo = isIpv6
    ? Buffer.concat([src, dst, length, Buffer.from([0, 0, 0, number])])
    : Buffer.concat([src, dst, Buffer.from([0, number]), length.subarray(2)]);
  const at = spec.protocol === 'tcp' ? 16 : spec.protocol === 'udp' ? 6 : 2;
  const covered = spec.protocol === 'icmp' && !isIpv6 ? body : Buffer.concat([pseudo, body]);
  body.writeUInt16BE(checksum(covered), at);
  if (isIpv6) {
    const head = Buffer.alloc(8);
    head.writeUInt32BE((6 << 28) | ((spec.tos ?? 0) << 20), 0);
    head.writeUInt16BE(body.length, 4);
    head.writeUInt8(number, 6);
    head.writeUInt8(64, 7);
    return { type: 0x86dd, bytes: Buffer.concat([head, src, dst, body]) };
  }
  const head = Buffer.alloc(12);
  head.writeUInt8(0x45, 0);
  head.writeUInt8(spec.tos ?? 0, 1);
  head.writeUInt16BE(20 + body.length, 2);
  head.writeUInt8(64, 8);
  head.writeUInt8(number, 9);
  const whole = Buffer.concat([head, src, dst]);
  whole.writeUInt16BE(checksum(whole), 10);
  return { type: 0x0800, bytes: Buffer.concat([whole, body]) };
}

export function frame(spec: Spec): Packet {
  const { type, bytes } = ip(spec);
  const macs = Buffer.from('02000000000b02000000000a', 'hex');
  const types = Buffer.alloc(spec.vlan === undefined ? 2 : 6);
  if (spec.vlan !== undefined) {
    types.writeUInt16BE(0x8100, 0);
    types.writeUInt16BE(spec.vlan, 2);
  }
  types.writeUInt16BE(type, types.length - 2);
  return { atUs: spec.atUs, bytes: Buffer.concat([macs, types, bytes]) };
}

/** A capture file of Ethernet frames. */
export function pcap(packets: readonly Packet[]): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(0xa1b2c3d4, 0);
  head.writeUInt16LE(2, 4);
  head.writeUInt16LE(4, 6);
  head.writeUInt32LE(65_535, 16);
  head.writeUInt32LE(1, 20);
  const parts = packets.map(({ atUs, bytes }) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(atUs / 1_000_000), 0);
    record.writeUInt32LE(atUs % 1_000_000, 4);
    record.writeUInt32LE(bytes.length, 8);
    record.writeUInt32LE(bytes.length, 12);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([head, ...parts]);
}
