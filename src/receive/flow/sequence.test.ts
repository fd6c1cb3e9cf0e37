import { describe, expect, it } from 'vitest';
import { ipfix, listen, netflow5, netflow9, plain, record, set, sflow, template } from './testing.ts';

describe('sequence numbers', () => {
  const v5 = (sequence: number) => netflow5({ sequence, records: [{}, {}] });
  it.each([
    ['nothing is missing', [0, 2, 4], 0],
    ['two datagrams are missing', [0, 2, 8], 4],
    ['the counter wraps', [0xffff_fffe, 0, 2], 0],
    ['one comes late and is not counted again', [0, 4, 2, 6], 2],
    ['the exporter starts anew', [5_000_000, 0, 2], 0],
  ])('of version 5 count flows: %s', (_, sequences, lost) => {
    const { collector, send } = listen();
    send(...sequences.map(v5));
    expect(collector.lost).toBe(lost);
  });

  it('of NetFlow 9 count datagrams, of IPFIX records, of sFlow datagrams', () => {
    const { collector, send } = listen();
    send(netflow9(7), netflow9(8), netflow9(10));
    expect(collector.lost).toBe(1);
    const two = set(256, Buffer.concat([record(), record()]));
    send(ipfix(0, set(2, template(256, plain)), two), ipfix(2, two), ipfix(9, two));
    expect(collector.lost).toBe(1 + 5);
    send(sflow(1), sflow(2), sflow(5));
    expect(collector.lost).toBe(1 + 5 + 2);
  });

  it('after a message that can not be counted are not judged', () => {
    const { collector, send } = listen();
    send(ipfix(0, set(300, record())), ipfix(50, set(300, record())));
    expect(collector.lost).toBe(0);
  });
});
