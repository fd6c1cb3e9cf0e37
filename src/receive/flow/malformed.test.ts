import { describe, expect, it } from 'vitest';
import {
  bytesOf,
  flowSample,
  ipfix,
  ipfixOptions,
  listen,
  netflow5,
  netflow9,
  part,
  plain,
  set,
  sflow,
  template,
} from './testing.ts';

describe('what can not be read becomes a dead letter with its reason', () => {
  const cases: [string, Buffer, string][] = [
    ['nothing', Buffer.alloc(0), 'A datagram of 0 bytes is no flow export.'],
    [
      'text',
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      'Version 18245 is not understood; NetFlow 5 and 9, IPFIX (10) and sFlow 5 are.',
    ],
    [
      'NetFlow 7',
      bytesOf([7, 2], Buffer.alloc(30)),
      'Version 7 is not understood; NetFlow 5 and 9, IPFIX (10) and sFlow 5 are.',
    ],
    [
      'NetFlow 5, header cut',
      netflow5({ records: [{}] }).subarray(0, 20),
      'NetFlow 5 datagram ends too early: 1 bytes are needed at byte 20, 0 are left.',
    ],
    [
      'NetFlow 5, no record',
      netflow5({ records: [] }),
      'NetFlow 5 datagram announces 0 records; 1 to 30 are possible.',
    ],
    [
      'NetFlow 5, 31 records',
      netflow5({ records: [{}], count: 31 }),
      'NetFlow 5 datagram announces 31 records; 1 to 30 are possible.',
    ],
    [
      'NetFlow 5, record cut',
      netflow5({ records: [{}], count: 2 }),
      'NetFlow 5 datagram announces 2 records of 48 bytes and has 48 bytes of them.',
    ],
    [
      'NetFlow 9, set too short',
      netflow9(0, bytesOf([0, 2], [3, 2])),
      'NetFlow 9 set 0 has a length of 3 bytes.',
    ],
    [
      'NetFlow 9, set too long',
      netflow9(0, bytesOf([0, 2], [9, 2])),
      'NetFlow 9 datagram ends too early: 5 bytes are needed at byte 24, 0 are left.',
    ],
    [
      'NetFlow 9, template without fields',
      netflow9(0, set(0, template(256, []))),
      'Template 256 announces 0 fields; 1 to 256 are possible.',
    ],
    [
      'NetFlow 9, template cut',
      netflow9(0, set(0, template(256, plain).subarray(0, 9))),
      'NetFlow 9 set 0 ends too early: 2 bytes are needed at byte 32, 1 are left.',
    ],
    [
      'NetFlow 9, reserved number',
      netflow9(0, set(0, template(255, plain))),
      'Template 255: numbers below 256 are reserved.',
    ],
    [
      'NetFlow 9, variable length',
      netflow9(0, set(0, template(256, [[8, 0xffff]]))),
      'Field 8 has length 65535, which NetFlow 9 does not know.',
    ],
    [
      'NetFlow 9, records of no bytes',
      netflow9(0, set(0, template(256, [[8, 0]]))),
      'Template 256 describes records of no bytes.',
    ],
    [
      'NetFlow 9, options of odd length',
      netflow9(0, set(1, bytesOf([256, 2], [3, 2], [4, 2], Buffer.alloc(8)))),
      'Options template 256 has 3 and 4 bytes of fields; each takes 4.',
    ],
    [
      'NetFlow 9, too many records',
      netflow9(0, set(0, template(256, [[4, 1]])), set(256, Buffer.alloc(8_193))),
      'A data set has more than 8192 records.',
    ],
    [
      'IPFIX, length beyond the datagram',
      bytesOf([10, 2], [99, 2], Buffer.alloc(12)),
      'IPFIX message announces 99 bytes and has 16.',
    ],
    [
      'IPFIX, length below the header',
      bytesOf([10, 2], [15, 2], Buffer.alloc(12)),
      'IPFIX message announces 15 bytes and has 16.',
    ],
    ['IPFIX, set too short', ipfix(0, bytesOf([2, 2], [0, 2])), 'IPFIX set 2 has a length of 0 bytes.'],
    [
      'IPFIX, options without scope',
      ipfix(0, set(3, ipfixOptions(256, 0, [[34, 4]]))),
      'Options template 256 has 0 scopes among 1 fields.',
    ],
    [
      'IPFIX, text beyond its set',
      ipfix(0, set(2, template(256, [[82, 0xffff]])), set(256, bytesOf([9, 1], Buffer.alloc(2)))),
      'IPFIX set 256 ends too early: 9 bytes are needed at byte 33, 2 are left.',
    ],
    ['sFlow 4', bytesOf([4, 4], Buffer.alloc(24)), 'sFlow version 4 is not understood; version 5 is.'],
    [
      'sFlow, agent of no family',
      bytesOf([5, 4], [3, 4], Buffer.alloc(20)),
      'sFlow address type 3 is not understood; 1 (IPv4) and 2 (IPv6) are.',
    ],
    [
      'sFlow, sample cut',
      sflow(0, part(1, Buffer.alloc(64)).subarray(0, 40)),
      'sFlow datagram ends too early: 64 bytes are needed at byte 36, 32 are left.',
    ],
    [
      'sFlow, too many samples',
      bytesOf([5, 4], [1, 4], Buffer.alloc(16), [9_000, 4]),
      'sFlow datagram announces 9000 samples; the limit is 8192.',
    ],
    [
      'sFlow, header beyond its record',
      sflow(0, flowSample(1, part(1, bytesOf([1, 4], [60, 4], [4, 4], [60, 4])))),
      'sFlow flow record ends too early: 60 bytes are needed at byte 92, 0 are left.',
    ],
  ];
  it.each(cases)('%s', (_, datagram, reason) => {
    const { rejected, flows } = listen().send(datagram);
    expect(rejected).toMatchObject([{ reason, payload: datagram }]);
    // A datagram that breaks off may have had good records before.
    expect(flows.length).toBeLessThanOrEqual(8_192);
  });
});
