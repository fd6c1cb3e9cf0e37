import { describe, expect, it } from 'vitest';
import {
  attributesOf,
  bytesOf,
  exportS,
  type FieldSpec,
  hex,
  ipfix,
  ipfixOptions,
  ipv4,
  listen,
  ms,
  nowMs,
  plain,
  record,
  set,
  template,
} from './testing.ts';

describe('IPFIX', () => {
  it('is read with fields of variable length, of enterprises, and shortened numbers', () => {
    const fields: FieldSpec[] = [
      [27, 16],
      [28, 16],
      [1, 2],
      [96, 0xffff],
      [5, 4, 9],
      [82, 0xffff],
      [56, 6],
      [152, 8],
      [153, 8],
    ];
    const long = Buffer.alloc(300, 0x78);
    const body = bytesOf(
      hex('20010db8000000000000000000000001'),
      hex('20010db8000000000000000000000002'),
      [777, 2],
      [3, 1],
      Buffer.from('dns'),
      [42, 4],
      [255, 1],
      [300, 2],
      long,
      hex('001b44113ab7'),
      [nowMs - 5, 8],
      [nowMs, 8],
    );
    const { flows, rejected } = listen().send(ipfix(0, set(2, template(256, fields)), set(256, body)));
    expect(rejected).toEqual([]);
    expect(flows).toMatchObject([
      {
        srcAddr: '2001:db8::1',
        dstAddr: '2001:db8::2',
        bytes: 777,
        startNs: ms(nowMs - 5),
        endNs: ms(nowMs),
      },
    ]);
    expect(attributesOf(flows[0])).toEqual({
      applicationName: 'dns',
      'ie.9.5': '42',
      interfaceName: long.toString(),
      sourceMacAddress: '00:1b:44:11:3a:b7',
    });
  });

  it('withdraws a template, or all of them', () => {
    const { heard, send } = listen();
    const define = set(2, Buffer.concat([template(256, plain), template(257, plain)]));
    send(
      ipfix(0, define),
      ipfix(0, set(2, bytesOf([256, 2], [0, 2]))),
      ipfix(0, set(256, record()), set(257, record())),
    );
    expect(heard.flows).toHaveLength(1);
    send(ipfix(2, set(2, bytesOf([2, 2], [0, 2]))), ipfix(2, set(257, record())));
    expect(heard.flows).toHaveLength(1);
  });

  it('counted both ways has the other way in columns of its own', () => {
    const { flows } = listen().send(
      ipfix(
        0,
        set(
          2,
          template(256, [
            [8, 4],
            [1, 8],
            [1, 8, 29_305],
            [2, 8, 29_305],
            [6, 1, 29_305],
          ]),
        ),
        set(256, bytesOf(ipv4('10.0.0.1'), [10, 8], [20, 8], [3, 8], [18, 1])),
      ),
    );
    expect(flows).toMatchObject([{ bytes: 10, reverseBytes: 20, reversePackets: 3 }]);
    expect(attributesOf(flows[0])).toEqual({ 'reverse.ie.6': '18' });
  });

  it('tells times in microseconds of NTP, as a duration, or by the start of the exporter from its options', () => {
    const ntp = (seconds: number, fraction: number) => bytesOf([seconds + 2_208_988_800, 4], [fraction, 4]);
    const { flows } = listen().send(
      ipfix(
        0,
        set(
          2,
          template(256, [
            [8, 4],
            [154, 8],
            [155, 8],
          ]),
        ),
        set(256, bytesOf(ipv4('10.0.0.1'), ntp(exportS, 0x8000_0000), ntp(exportS + 1, 0x4000_0000))),
        set(
          2,
          template(257, [
            [8, 4],
            [150, 4],
            [161, 4],
          ]),
        ),
        set(257, bytesOf(ipv4('10.0.0.2'), [exportS, 4], [1_500, 4])),
        set(
          3,
          ipfixOptions(258, 1, [
            [149, 4],
            [160, 8],
          ]),
        ),
        set(258, bytesOf([7, 4], [nowMs - 60_000, 8])),
        set(
          2,
          template(259, [
            [8, 4],
            [22, 4],
            [21, 4],
          ]),
        ),
        set(259, bytesOf(ipv4('10.0.0.3'), [1_000, 4], [2_000, 4])),
      ),
    );
    expect(flows.map(({ startNs, endNs }) => [startNs, endNs])).toEqual([
      [ms(nowMs + 500), ms(nowMs + 1_250)],
      [ms(nowMs), ms(nowMs + 1_500)],
      [ms(nowMs - 59_000), ms(nowMs - 58_000)],
    ]);
  });

  it('is scaled by interval and space, or by size and population', () => {
    const { flows } = listen().send(
      ipfix(
        0,
        set(
          2,
          template(256, [
            [8, 4],
            [305, 4],
            [306, 4],
          ]),
        ),
        set(256, bytesOf(ipv4('10.0.0.1'), [1, 4], [99, 4])),
        set(
          3,
          ipfixOptions(257, 1, [
            [302, 8],
            [309, 4],
            [310, 4],
          ]),
        ),
        set(257, bytesOf([5, 8], [1, 4], [2_048, 4])),
        set(
          2,
          template(258, [
            [8, 4],
            [302, 8],
          ]),
        ),
        set(258, bytesOf(ipv4('10.0.0.1'), [5, 8])),
      ),
    );
    expect(flows.map(({ samplingRate }) => samplingRate)).toEqual([100, 2_048]);
  });
});
