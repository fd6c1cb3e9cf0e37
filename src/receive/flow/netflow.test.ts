import { describe, expect, it } from 'vitest';
import { waitMsMax } from './session.ts';
import {
  attributesOf,
  bytesOf,
  exporter,
  type FieldSpec,
  ipv4,
  listen,
  ms,
  netflow5,
  netflow9,
  netflow9Options,
  nowMs,
  plain,
  record,
  set,
  template,
} from './testing.ts';

describe('NetFlow 5', () => {
  it('is read with times by the uptime, and scaled by the interval in its header', () => {
    const { flows } = listen().send(netflow5({ sampling: (1 << 14) | 100, records: [{}] }));
    expect(flows).toMatchObject([
      {
        flowType: 'netflow5',
        exporter,
        srcAddr: '10.0.0.1',
        dstAddr: '192.0.2.7',
        nextHop: '10.0.0.254',
        inInterface: '3',
        outInterface: '4',
        packets: 2,
        bytes: 300,
        samplingRate: 100,
        startNs: ms(nowMs + 500 - 3_000),
        endNs: ms(nowMs + 500 - 1_000),
        srcPort: 40_000,
        dstPort: 443,
        tcpFlags: 0x1b,
        protocol: 6,
        tos: 8,
        srcAs: 64_500,
        dstAs: 64_501,
      },
    ]);
  });

  it('has type and code of ICMP in the port, which become what they are', () => {
    const { flows } = listen().send(netflow5({ records: [{ protocol: 1, srcPort: 0, dstPort: 0x0301 }] }));
    expect(flows).toMatchObject([{ srcPort: 0, dstPort: 0 }]);
    expect(attributesOf(flows[0])).toMatchObject({ icmpType: '3', icmpCode: '1' });
  });

  it('of an exporter whose uptime wrapped after the flow began gives the right times', () => {
    const { flows } = listen().send(netflow5({ records: [{ first: 0xffff_f000, last: 100 }] }));
    const bootMs = nowMs + 500 - 10_000;
    expect(flows).toMatchObject([{ startNs: ms(bootMs - 0x1000), endNs: ms(bootMs + 100) }]);
  });
});

describe('NetFlow 9', () => {
  it('is read by its template, padding left out', () => {
    const { flows, rejected } = listen().send(
      netflow9(1, set(0, template(300, plain)), set(300, Buffer.concat([record(), record(500, 5)]), true)),
    );
    expect(rejected).toEqual([]);
    expect(flows).toMatchObject([
      {
        flowType: 'netflow9',
        bytes: 300,
        samplingRate: 1,
        startNs: ms(nowMs - 3_000),
        endNs: ms(nowMs - 1_000),
      },
      { bytes: 500, packets: 5 },
    ]);
  });

  it('may pad its templates with more zeros than needed', () => {
    const padded = Buffer.concat([template(300, plain), Buffer.alloc(12)]);
    const options = Buffer.concat([netflow9Options(400, [[1, 4]], [[34, 4]]), Buffer.alloc(12)]);
    const { flows, rejected } = listen().send(
      netflow9(1, set(0, padded), set(1, options), set(300, record())),
    );
    expect([flows.length, rejected]).toEqual([1, []]);
  });

  it('that comes before its template waits for it, of each exporter and source on its own', () => {
    const { collector, heard, send } = listen();
    send(netflow9(1, set(300, record())));
    expect(heard.flows).toEqual([]);
    collector.datagram(netflow9(1, set(0, template(300, plain))), '192.0.2.251', nowMs);
    expect(heard.flows).toEqual([]);
    send(netflow9(2, set(0, template(300, plain))));
    expect(heard.flows).toMatchObject([{ exporter, bytes: 300 }]);
    expect(heard.rejected).toEqual([]);
  });

  it('whose template never comes is given up after two minutes, with its bytes', () => {
    const { collector, heard, send } = listen();
    send(netflow9(1, set(300, record())));
    collector.expire(nowMs + waitMsMax - 1);
    expect(heard.rejected).toEqual([]);
    collector.expire(nowMs + waitMsMax);
    expect(heard.rejected).toMatchObject([
      { reason: `Template 300 of ${exporter} is not known; none came within 120 s.`, payload: record() },
    ]);
    send(netflow9(2, set(0, template(300, plain))));
    expect(heard.flows).toEqual([]);
  });

  it('without templates takes only so much memory; the rest is given up at once', () => {
    const { heard, send } = listen();
    const large = netflow9(0, set(300, Buffer.alloc(60_000)));
    for (let i = 0; i < 40; i++) send(large);
    expect(heard.rejected).toHaveLength(40 - Math.floor(1_048_576 / 60_000));
    expect(heard.rejected[0]?.reason).toMatch(/too much waits for templates already/);
  });

  it('is scaled by the sampler that its options name, by the interface, or for all', () => {
    const sampled: FieldSpec[] = [
      [8, 4],
      [10, 2],
      [48, 1],
      [1, 4],
    ];
    const flow = (inInterface: number, sampler: number) =>
      bytesOf(ipv4('10.0.0.1'), [inInterface, 2], [sampler, 1], [10, 4]);
    const { flows } = listen().send(
      netflow9(
        1,
        set(
          1,
          netflow9Options(
            400,
            [[1, 4]],
            [
              [48, 1],
              [50, 4],
            ],
          ),
          true,
        ),
        set(1, netflow9Options(401, [[2, 2]], [[34, 4]]), true),
        set(1, netflow9Options(402, [[1, 4]], [[34, 4]]), true),
        set(0, template(300, sampled)),
      ),
      netflow9(2, set(400, bytesOf([0, 4], [1, 1], [1_000, 4]), true)),
      netflow9(3, set(401, bytesOf([9, 2], [500, 4]), true), set(402, bytesOf([0, 4], [64, 4]))),
      netflow9(4, set(300, Buffer.concat([flow(1, 1), flow(9, 0), flow(1, 0)]), true)),
    );
    expect(flows.map(({ samplingRate }) => samplingRate)).toEqual([1_000, 500, 64]);
  });

  it('tells of a firewall or a router what it did', () => {
    const { flows } = listen().send(
      netflow9(
        1,
        set(
          0,
          Buffer.concat([
            template(300, [
              [8, 4],
              [233, 1],
            ]),
            template(301, [
              [8, 4],
              [89, 1],
            ]),
          ]),
        ),
        set(300, bytesOf(ipv4('10.0.0.1'), [3, 1])),
        set(301, bytesOf(ipv4('10.0.0.1'), [0x80, 1])),
        set(301, bytesOf(ipv4('10.0.0.1'), [0x40, 1])),
      ),
    );
    expect(flows.map(({ action }) => action)).toEqual(['REJECT', 'REJECT', 'ACCEPT']);
    expect(attributesOf(flows[0])).toEqual({ firewallEvent: '3' });
  });
});
