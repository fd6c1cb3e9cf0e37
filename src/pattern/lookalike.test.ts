import { describe, expect, it } from 'vitest';
import { matches } from './match.ts';
import { mineTemplates } from './mine.ts';

// Statements of made-up programs in the styles that logs have; `{…}` is a value. Each is written a few times with other
// values, all of a style together, and every statement must come out as a template of its own.
const styles: Record<string, string[]> = {
  'a daemon of logins': [
    'Refused password for {user} from {ip} port {n} ssh2',
    'Refused password for invalid user {user} from {ip} port {n} ssh2',
    'pam(auth): failure; name= uid=0 tty=ssh rhost={ip}  user=root',
    'pam(auth): failure; name= uid=0 tty=ssh rhost={ip}',
    'Disconnect from {ip}: {n}: Good night [early]',
    'Disconnect from {ip}: {n}: by the other side',
    'address {host} [{ip}] does not map back',
    'session begun for user {user} by (uid={n})',
    'session over for user {user}',
  ],
  'a coordinator of servers': [
    'Took connection request /{ip}:{n}',
    'Took socket connection from /{ip}:{n}',
    'Socket of client /{ip}:{n} closed (no session yet)',
    'Socket of client /{ip}:{n} closed which had session {hex}',
    'Vote: {n} (leader), {hex} (zxid), SEEKING (my state)',
    'Vote: {n} (leader), {hex} (zxid), FOLLOWING (my state)',
    'Lapsed session {hex}, timeout of {n}ms exceeded',
    'SEEKING',
    'Server property:java.io.tmp={path}',
    'Server property:java.home={path}',
    'Server property:vendor=Example Corporation',
    'tick set to {n}',
    'purge set to {n}',
  ],
  'a scheduler of containers': [
    'attempt_{n}_{n}_m_{n} Attempt moved from NEW to WAITING',
    'attempt_{n}_{n}_m_{n} Attempt moved from WAITING to RUNNING',
    'Gave container_{n}_{n} to attempt_{n}_{n}_m_{n}',
    'Part of attempt_{n}_{n}_m_{n} is : {f}',
    'room=<memory:{n}, cores:-{n}>',
    'Enlist class org.example.jobs.EventType for class org.example.jobs.v2.Handler',
    'Enlist class org.example.tasks.EventType for class org.example.tasks.Dispatcher',
    'Asked NODE-{n}.example.net:{n} again. Tried {n} time(s); policy is Fixed(maxRetries={n}, sleep={n} MILLISECONDS)',
    'Rack of NODE-{n}.example.net is {path}',
  ],
  'a telephone': [
    'take lock={n}, flags={hex}, tag="Side View", name=com.example.ui, ws=null, uid={n}',
    'take lock={n}, flags={hex}, tag="RADIO", name=com.example.phone, ws=null, uid={n}',
    'drop lock={n}, flags={hex}, tag="RADIO", name=com.example.phone, ws=null, uid={n}',
    'Token{{hex8} Record{{hex8} u0 {act} t{n}}} -- will hide',
    'brightness in ={n}',
    'brightness out ={n}',
    'begin animation',
    'end animation',
  ],
  'a notebook': [
    'WIFI: {f}: Card_Brc43x::power: Sleep',
    'WIFI: {f}: Card_Brc43x::power: Wake - Full / Dark',
    'en0: station changed to {mac}',
    'en0: channel changed to {n},+{n}',
    'Link Down on low0. Reason {n} (Unspecified).',
    '{date} Updater[{n}/{hex}] [lvl={n}] -[Agent check:] Looking with <Engine:{hex}>',
    'Cage: com.example.Addr({n}) deny({n}) network-outbound {path}',
    'Answer took {n} ms ({n}, powerd)',
  ],
  'a cluster': [
    'fans ( {n} {n} {n} {n} )',
    'supply ( ok ok )',
    'supply ( bad ok )',
    'start (command {n})',
    'start (command {n}) Error: late',
    'Aim at domains:node-D{n} and nodes:node-[{n}-{n}] child of command {n}',
    'no server for domain storage{n}',
    'panic on storage{n}',
    '{n} ddr error(s) on rank {n}, symbol {n}, bit {n}',
    'fault: bad instruction......{n}',
    'fault: trap instruction.....{n}',
    'boss startup succeeded',
    'clock startup succeeded',
    'mail startup succeeded',
    'mail shutdown succeeded',
  ],
  'an installer': [
    'SQ: Queued {n} file(s) for upload with pattern: C:\\Win\\sq\\*_all.sqm, flags: {hex}',
    'Session: {n}_{n} begun by client UpdateAgent.',
    'Session: {n}_{n} begun by client SPP.',
    'Read package Package_for_KB{n}~31bf3856ad36~amd64~~6.1.{n}.{n}, State: {n}, Current:{n}',
    'No such element [RESULT = {hex} - E_NO_ITEM]',
    'Cannot open package. [RESULT = {hex} - E_NO_PACKAGE]',
    '{date} Initialize (wc.dll version 0.0.0.6) called (stack @{hex} @{hex} @{hex})',
  ],
  'a proxy': [
    '{host}:{n} close, {n} bytes{size} sent, {n} bytes{size} received, lifetime {life}',
    '{host}:{n} open through proxy {host}:{n} HTTPS',
    '{host}:{n} open through proxy {host}:{n} SOCKS5',
    '{ip} "GET {path} HTTP/1.1" status: {n} len: {n} time: {f}',
    '{ip} "POST {path} HTTP/1.1" status: {n} len: {n} time: {f}',
    'Block rdd_{n}_{n} kept (size {human}, free {human})',
  ],
  商店: ['订单{n}已完成，耗时{n}ms', '订单{n}已取消', '用户 {user} 登录成功', '库存不足：商品{n}，剩余{n}'],
};

/** Same values on every run. */
function generator(seed: number) {
  let state = seed;
  const next = (max: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * max);
  };
  const one = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const hex = (length: number) => Array.from({ length }, () => one([...'0123456789abcdef'])).join('');
  const word = () => Array.from({ length: 4 + next(5) }, () => one([...'abdefgiklmnoprstu'])).join('');
  const values: Record<string, () => string> = {
    n: () => String(next(90_000)),
    f: () => `${next(100)}.${next(9_999)}`,
    ip: () => `10.${next(256)}.${next(256)}.${next(256)}`,
    hex: () => `0x${hex(8)}`,
    hex8: () => `${next(10)}${hex(6)}`,
    mac: () => Array.from({ length: 6 }, () => hex(2)).join(':'),
    user: word,
    host: () => `${word()}.${word()}.example.com`,
    path: () => `/${word()}/${word()}`,
    act: () => `com.example.${word()}/.${word()}.Main`,
    date: () => `2031-0${1 + next(9)}-1${next(10)} 0${next(10)}:1${next(10)}:2${next(10)}.${100 + next(900)}`,
    size: () => one(['', ' (1.5 KB)', ' (2.25 MB)']),
    human: () => `${next(900)}.${next(10)} ${one(['B', 'KB', 'MB'])}`,
    life: () => one(['<1 sec', '00:07', '02:41']),
  };
  return (statement: string) =>
    statement.replace(/\{(\w+)\}/g, (text, name: string) => values[name]?.() ?? text);
}

describe.each(Object.entries(styles))('messages of %s', (_, statements) => {
  const fill = generator(20_311);
  const written = statements.flatMap((statement) =>
    Array.from({ length: 12 }, () => ({ statement, message: fill(statement) })),
  );
  const samples = written.map(({ message }, index) => ({ shape: String(index), message, count: 1 }));
  const mining = mineTemplates(samples, [], { complete: true, quotedIsValue: false });

  it.each(statements)('keep %s together and apart from the others', (statement) => {
    const own = new Set(
      written.flatMap((each, index) =>
        each.statement === statement ? [mining.templateOfShape.get(String(index))?.template] : [],
      ),
    );
    expect([...own]).toHaveLength(1);
    const others = written.filter(
      (each, index) =>
        each.statement !== statement && own.has(mining.templateOfShape.get(String(index))?.template),
    );
    expect(others.map(({ message }) => message)).toEqual([]);
  });

  it('fit their templates', () => {
    for (const { shape, message } of samples)
      expect(matches(mining.templateOfShape.get(shape)?.template ?? '', message)).toBe(true);
  });
});
