import { isoNanoseconds } from '../iso-time.ts';
import type { Pair } from '../log-sink.ts';
import { mergeRepeated } from '../pairs.ts';
import type { WallClock } from './local-time.ts';
import { priorityOf } from './priority.ts';
import { readStructuredData } from './structured-data.ts';

/** One message as it was understood; '' and 0n where the sender said nothing. */
export interface SyslogMessage {
  timeNs: bigint;
  severity: string;
  host: string;
  app: string;
  /** `syslog.*`, in the order of the header. */
  attributes: readonly Pair[];
  body: Uint8Array;
}

const priorityPattern = /^<(\d{1,3})>/;
const header5424 = /([1-9]\d{0,2}) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) /y;
const isoTime = /(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,12})?(?:[Zz]|[+-]\d\d:?\d\d)?)(?:: | |$)/y;
/**
 * `Oct 11 22:14:15`, and what devices add to it: a sequence number and the device's name before it, `*` or `.` for a clock
 * that is not set, a year on either side, parts of a second, a zone, a colon.
 */
const bsdTime =
  /(?:(\d*): (?:([^ :]+): )?)?[*.]?(?:(\d{4}) )?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(?: ([A-Z]{1,5})(?=: ?%))?(:)?(?: |$)/y;
/** "%SYS-5-RESTART: …" is a code and belongs to the message. */
const tagPattern = /([^ :[\]%][^ :[\]]{0,127})(?:\[([^\] ]{0,128})\])?:(?: |$)/y;
const hostPattern = /([\w.:%-]{1,255})(?: |$)/y;
/** Behind its name, a Cisco ASA sets a colon apart. */
const looseColon = /: (?=%)/y;
const ciscoCode = /%([A-Z][A-Z0-9_]*)(?:-[A-Z0-9_]+)*-[0-7]-[A-Z0-9_]+(?=:)/y;

/** Reads messages of RFC 5424 and of RFC 3164 in the forms that are sent. Whatever it can't read stays in the body. */
export class MessageReader {
  private readonly clock: WallClock;
  private bytes: Uint8Array = new Uint8Array(0);
  private text = '';
  private at = 0;

  constructor(clock: WallClock) {
    this.clock = clock;
  }

  read(bytes: Uint8Array, nowMs: number): SyslogMessage {
    this.bytes = bytes;
    // One character a byte, so that places in the text are places in the bytes.
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    this.at = 0;
    const match = priorityPattern.exec(this.text);
    const priority = match === null ? undefined : priorityOf(match[1] ?? '');
    if (match === null || priority === undefined) return this.message({});
    this.at = match[0].length;
    const head: Head = { severity: priority.severity, attributes: [['syslog.facility', priority.facility]] };
    return this.read5424(head) ?? this.read3164(head, nowMs);
  }

  private read5424(head: Head): SyslogMessage | undefined {
    const match = this.next(header5424);
    if (match === undefined) return undefined;
    const [whole, version = '', time = '', host = '', app = '', procId = '', msgId = ''] = match;
    const timeNs = time === '-' ? 0n : /^\d{4}-\d\d-\d\dT/.test(time) ? isoNanoseconds(time) : undefined;
    if (timeNs === undefined) {
      this.at -= whole.length;
      return undefined;
    }
    const attributes: Pair[] = [...(head.attributes ?? []), ['syslog.version', version]];
    if (procId !== '-') attributes.push(['syslog.procid', utf8(procId)]);
    if (msgId !== '-') attributes.push(['syslog.msgid', utf8(msgId)]);
    const parameters: Pair[] = [];
    const end = readStructuredData(this.text, this.at, parameters);
    // Structured data that can't be read stays before the message, where a person sees it.
    if (end < 0) attributes.push(['clew.malformed', 'structured data']);
    else {
      for (const [name, value] of mergeRepeated(parameters)) attributes.push([utf8(name), utf8(value)]);
      this.at = this.text[end] === ' ' ? end + 1 : end;
      if (this.text.startsWith('\xef\xbb\xbf', this.at)) this.at += 3;
    }
    return this.message({ ...head, timeNs, host: nil(host), app: nil(app), attributes });
  }

  private read3164(head: Head, nowMs: number): SyslogMessage {
    const attributes: Pair[] = [...(head.attributes ?? [])];
    const start = this.at;
    const iso = this.next(isoTime);
    const bsd = iso === undefined ? this.next(bsdTime) : undefined;
    const [, sequence = '', device = '', yearFirst = '', month = '', day = '', year = ''] = bsd ?? [];
    const [clock = '', fraction = '', zone = '', colon = ''] = bsd?.slice(7) ?? [];
    const timeNs =
      iso !== undefined
        ? this.clock.iso(iso[1] ?? '')
        : bsd !== undefined
          ? this.clock.nanoseconds({ year: yearFirst || year, month, day, clock, fraction, zone }, nowMs)
          : undefined;
    if (timeNs === undefined) {
      this.at = start;
      return this.message({ ...head, ...this.cisco(attributes), attributes });
    }
    if (sequence !== '') attributes.push(['syslog.sequence', sequence]);
    const found =
      colon === '' && !iso?.[0].endsWith(': ') ? this.hostAndTag(attributes) : { host: device, app: '' };
    const code = found.app === '' ? this.cisco(attributes) : {};
    return this.message({ ...head, timeNs, ...found, ...code, attributes });
  }

  /** Programs that write to a local socket, and BusyBox, leave the name of the host out; others leave out the tag. */
  private hostAndTag(attributes: Pair[]): { host: string; app: string } {
    let host = '';
    let tag = this.next(tagPattern);
    if (tag === undefined) {
      host = this.next(hostPattern)?.[1] ?? '';
      if (this.next(looseColon) === undefined) tag = this.next(tagPattern);
    }
    const [, app = '', procId = ''] = tag ?? [];
    if (procId !== '') attributes.push(['syslog.procid', utf8(procId)]);
    return { host, app: utf8(app) };
  }

  /** `%SYS-5-CONFIG_I: …` names the part of the device that speaks; it stays in the message as well. */
  private cisco(attributes: Pair[]): { app?: string } {
    ciscoCode.lastIndex = this.at;
    const match = ciscoCode.exec(this.text);
    if (match === null) return {};
    attributes.push(['syslog.msgid', match[0].slice(1)]);
    return { app: match[1] ?? '' };
  }

  private next(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.at = pattern.lastIndex;
    return match;
  }

  private message(head: Head): SyslogMessage {
    const body = this.bytes.subarray(this.at);
    return { timeNs: 0n, severity: '', host: '', app: '', attributes: [], ...head, body };
  }
}

type Head = Partial<Omit<SyslogMessage, 'body'>>;

const nil = (field: string): string => (field === '-' ? '' : utf8(field));

/** Text that was read one character a byte, as what it is. */
const utf8 = (text: string): string =>
  /[\x80-\xff]/.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
