import { describe, expect, it } from 'vitest';
import { canonicalAddress, ipv6Text } from './address.ts';
import { exportersAllowed } from './listener.ts';
import { hex } from './testing.ts';

describe('addresses', () => {
  it.each([
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['20010db8000100010001000100010001', '2001:db8:1:1:1:1:1:1'],
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['00000000000000000000ffff0a000001', '10.0.0.1'],
  ])('%s is %s', (bytes, text) => {
    expect(ipv6Text(hex(bytes), 0)).toBe(text);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::', '::'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is stored as %s', (given, stored) => {
    expect(canonicalAddress(given)).toBe(stored);
  });

  const config = (host: string, exportersAllow: string[]) => ({
    ...{ enabled: true, host, exportersAllow, netflowPort: 0, ipfixPort: 0, sflowPort: 0, tenant: '' },
  });
  it('that may send are this machine alone, or the ranges that are named', () => {
    const own = exportersAllowed(config('127.0.0.1', []));
    expect([own('127.0.0.1'), own('::1'), own('10.0.0.1')]).toEqual([true, true, false]);
    const named = exportersAllowed(config('0.0.0.0', ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']));
    expect(['10.9.9.9', '192.0.2.7', '192.0.2.8', '2001:db8::9', '127.0.0.1'].map(named)).toEqual([
      ...[true, true, false, true, false],
    ]);
  });
  it('can not be left open beyond loopback, nor misspelt', () => {
    expect(() => exportersAllowed(config('0.0.0.0', []))).toThrow(
      /flow\.host is 0\.0\.0\.0.*flow\.exporters_allow is empty/,
    );
    for (const wrong of ['router', '10.0.0.0/33', '10.0.0.0/x', '2001:db8::/129', ''])
      expect(() => exportersAllowed(config('127.0.0.1', [wrong]))).toThrow(
        /flow\.exporters_allow: ".*" is neither/,
      );
  });
});
