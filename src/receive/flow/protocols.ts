/** Names of IP protocols as IANA writes them, in lower case; numbers without one are left to the number. */
const names = new Map<number, string>([
  [0, 'hopopt'],
  [1, 'icmp'],
  [2, 'igmp'],
  [4, 'ipv4'],
  [6, 'tcp'],
  [8, 'egp'],
  [9, 'igp'],
  [17, 'udp'],
  [33, 'dccp'],
  [41, 'ipv6'],
  [43, 'ipv6-route'],
  [44, 'ipv6-frag'],
  [46, 'rsvp'],
  [47, 'gre'],
  [50, 'esp'],
  [51, 'ah'],
  [58, 'ipv6-icmp'],
  [59, 'ipv6-nonxt'],
  [60, 'ipv6-opts'],
  [88, 'eigrp'],
  [89, 'ospf'],
  [94, 'ipip'],
  [97, 'etherip'],
  [103, 'pim'],
  [108, 'ipcomp'],
  [112, 'vrrp'],
  [115, 'l2tp'],
  [132, 'sctp'],
  [136, 'udplite'],
  [137, 'mpls-in-ip'],
]);

export const icmp = 1;
export const tcp = 6;
export const udp = 17;
export const icmp6 = 58;
export const sctp = 132;

export const protocolName = (protocol: number): string => names.get(protocol) ?? '';

export const hasPorts = (protocol: number): boolean =>
  protocol === tcp || protocol === udp || protocol === sctp || protocol === 33 || protocol === 136;
