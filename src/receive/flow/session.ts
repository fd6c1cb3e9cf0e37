import { flowWaiting } from './events.ts';
import type { FlowOut } from './out.ts';
import type { Template } from './template.ts';

/** Pairs of exporter and observation domain; beyond it the one unused for longest is forgotten. */
const sessionsMax = 4_096;
/** Templates of one domain; real exporters have up to some dozens. */
const templatesMax = 1_024;
/** Samplers and interfaces of one domain whose rate is known. */
const ratesMax = 4_096;
/** Exporters repeat their templates every one to thirty minutes; longer than this is not worth the memory. */
export const waitMsMax = 120_000;
/** Data sets without template, of all exporters together and of one domain, bytes. */
const waitingBytesMax = 16_777_216;
const sessionWaitingBytesMax = 1_048_576;

/** When and by whom a set was sent: what its records are read with. */
export interface Sender {
  exporter: string;
  flowType: 'netflow9' | 'ipfix';
  /** Export time, milliseconds since 1970. */
  exportMs: number;
  /** Milliseconds since the exporter started; undefined in IPFIX. */
  uptimeMs: number | undefined;
}

export interface WaitingSet {
  templateId: number;
  sender: Sender;
  bytes: Uint8Array;
  since: number;
}

/** What is known of one observation domain of one exporter. */
export class Session {
  readonly templates = new Map<number, Template>();
  /** Sampling rate by `s<sampler>`, `i<interface>` or '' for all. */
  readonly rates = new Map<string, number>();
  /** When the exporter started, where only its options say it, milliseconds since 1970. */
  systemInitMs = 0;
  waiting: WaitingSet[] = [];
  waitingBytes = 0;

  define(template: Template): void {
    this.templates.delete(template.id);
    this.templates.set(template.id, template);
    forgetOldest(this.templates, templatesMax);
  }

  /** Forgets a template; 2 and 3 mean all of their kind. */
  withdraw(id: number): void {
    if (id !== 2 && id !== 3) {
      this.templates.delete(id);
      return;
    }
    for (const [known, template] of this.templates)
      if ((template.scopes === undefined) === (id === 2)) this.templates.delete(known);
  }

  learnRate(key: string, rate: number): void {
    this.rates.delete(key);
    this.rates.set(key, rate);
    forgetOldest(this.rates, ratesMax);
  }

  rateOf(sampler: string, inInterface: string): number {
    const { rates } = this;
    return (
      (sampler === '' ? undefined : rates.get(`s${sampler}`)) ??
      rates.get(`i${inInterface}`) ??
      rates.get('') ??
      1
    );
  }
}

function forgetOldest<V>(map: Map<unknown, V>, max: number): void {
  if (map.size <= max) return;
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}

export class Sessions {
  private readonly sessions = new Map<string, Session>();
  private waitingBytes = 0;

  of(key: string, out: FlowOut): Session {
    const known = this.sessions.get(key);
    const session = known ?? new Session();
    this.sessions.delete(key);
    this.sessions.set(key, session);
    if (this.sessions.size > sessionsMax) {
      for (const [oldest, gone] of this.sessions) {
        this.sessions.delete(oldest);
        this.release(gone, () => true, out, 'too many exporters send');
        break;
      }
    }
    return session;
  }

  /** Keeps a set whose template has not come yet. */
  hold(session: Session, set: WaitingSet, out: FlowOut): void {
    const { length } = set.bytes;
    const full =
      this.waitingBytes + length > waitingBytesMax || session.waitingBytes + length > sessionWaitingBytesMax;
    if (full) {
      out.reject(
        `No template ${set.templateId} of ${set.sender.exporter} has come, and too much waits for templates already.`,
        set.bytes,
      );
      return;
    }
    session.waiting.push({ ...set, bytes: set.bytes.slice() });
    this.count(session, length);
  }

  /** Takes out the sets that waited for this template. */
  waitingFor(session: Session, templateId: number): WaitingSet[] {
    if (session.waiting.length === 0) return [];
    const found = session.waiting.filter((set) => set.templateId === templateId);
    if (found.length === 0) return found;
    session.waiting = session.waiting.filter((set) => set.templateId !== templateId);
    for (const set of found) this.count(session, -set.bytes.length);
    return found;
  }

  /** Gives up sets that waited too long; `now` beyond everything gives up all. */
  expire(now: number, out: FlowOut): void {
    if (this.waitingBytes === 0) return;
    for (const session of this.sessions.values()) {
      this.release(
        session,
        (set) => now - set.since >= waitMsMax,
        out,
        `none came within ${waitMsMax / 1000} s`,
      );
    }
  }

  /** Ends the sessions of a connection. */
  end(prefix: string, out: FlowOut): void {
    for (const [key, session] of this.sessions) {
      if (!key.startsWith(prefix)) continue;
      this.sessions.delete(key);
      this.release(session, () => true, out, 'the connection ended');
    }
  }

  private release(session: Session, due: (set: WaitingSet) => boolean, out: FlowOut, why: string): void {
    if (session.waiting.length === 0) return;
    const given = session.waiting.filter(due);
    session.waiting = session.waiting.filter((set) => !due(set));
    for (const set of given) {
      this.count(session, -set.bytes.length);
      out.reject(`Template ${set.templateId} of ${set.sender.exporter} is not known; ${why}.`, set.bytes);
    }
  }

  private count(session: Session, bytes: number): void {
    session.waitingBytes += bytes;
    this.waitingBytes += bytes;
    flowWaiting.set(this.waitingBytes);
  }
}
