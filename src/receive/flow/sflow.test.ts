import { describe, expect, it } from 'vitest';
import { frame } from '../../../test/support/packets.ts';
import {
  attributesOf,
  bytesOf,
  flowSample,
  ipv4,
  listen,
  part,
  rawHeader,
  sflow,
  tcpFrame,
} from './testing.ts';

const udp6Frame = frame({
  ...{ atUs: 0, src: '2001:db8::1', dst: '2001:db8::53', protocol: 'udp', srcPort: 5_353, dstPort: 53 },
  payload: 20,
}).bytes;

describe('sFlow', () => {
  it('samples headers of packets: VLAN, both families, ports and flags; lengths are those of the frame', () => {
    const { flows, rejected } = listen().send(
      sflow(1, flowSample(512, rawHeader(tcpFrame, 1_062)), flowSample(256, rawHeader(udp6Frame))),
    );
    expect(rejected).toEqual([]);
    expect(flows).toMatchObject([
      {
        ...{ flowType: 'sflow', exporter: '192.0.2.1', samplingRate: 512, packets: 1, bytes: 1_062 },
        ...{ srcAddr: '10.0.0.1', dstAddr: '192.0.2.7', srcPort: 40_000, dstPort: 443, protocol: 6 },
        ...{
          tcpFlags: 0x12,
          tos: 0x28,
          srcVlan: 42,
          inInterface: '5',
          outInterface: '6',
          direction: 'ingress',
        },
      },
      { srcAddr: '2001:db8::1', dstAddr: '2001:db8::53', dstPort: 53, protocol: 17, bytes: udp6Frame.length },
    ]);
  });

  it('adds what switch, router and gateway know', () => {
    const address = bytesOf([1, 4], ipv4('203.0.113.1'));
    const gateway = bytesOf(
      address,
      [64_500, 4],
      [64_501, 4],
      [64_502, 4],
      [1, 4],
      [2, 4],
      [2, 4],
      [64_503, 4],
      [64_504, 4],
      [0, 4],
      [100, 4],
    );
    const { flows } = listen().send(
      sflow(
        1,
        flowSample(
          1,
          part(
            3,
            bytesOf(
              [1_500, 4],
              [17, 4],
              ipv4('10.0.0.1'),
              ipv4('10.0.0.2'),
              [53, 4],
              [9_999, 4],
              [0, 4],
              [0, 4],
            ),
          ),
          part(1_001, bytesOf([10, 4], [0, 4], [20, 4], [0, 4])),
          part(1_002, bytesOf([1, 4], ipv4('203.0.113.9'), [24, 4], [24, 4])),
          part(1_003, gateway),
          part(4_242, Buffer.alloc(8)),
        ),
      ),
    );
    expect(flows).toMatchObject([
      {
        ...{ srcAddr: '10.0.0.1', dstPort: 9_999, protocol: 17, bytes: 1_500, srcVlan: 10, dstVlan: 20 },
        ...{ nextHop: '203.0.113.1', srcAs: 64_501, dstAs: 64_504 },
      },
    ]);
  });

  it('in its expanded form, and counter samples beside, is read as well', () => {
    const body = bytesOf(
      [1, 4],
      [0, 4],
      [5, 4],
      [64, 4],
      [0, 4],
      [0, 4],
      [0, 4],
      [5, 4],
      [1, 4],
      [256, 4],
      [1, 4],
      rawHeader(tcpFrame),
    );
    const { flows } = listen().send(sflow(1, part(2, Buffer.alloc(40)), part(3, body)));
    expect(flows).toMatchObject([{ samplingRate: 64, inInterface: '5', outInterface: '', action: 'REJECT' }]);
    expect(attributesOf(flows[0])).toMatchObject({ dropReason: '256' });
  });

  it('with a header cut in the middle keeps what is there', () => {
    for (let length = 0; length < tcpFrame.length && length < 128; length++) {
      const { flows, rejected } = listen().send(
        sflow(1, flowSample(1, rawHeader(tcpFrame.subarray(0, length), 1_062))),
      );
      expect(rejected).toEqual([]);
      expect(flows).toMatchObject([{ bytes: 1_062, srcAddr: length >= 38 ? '10.0.0.1' : '' }]);
    }
  });
});
