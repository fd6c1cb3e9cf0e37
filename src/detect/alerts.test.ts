import { describe, expect, it } from 'vitest';
import { type Alert, alertAgeMsMax } from '../model/index.ts';
import { AlertSignals, isNews } from './alerts.ts';

const now = Date.UTC(2026, 0, 2);
const alert = (over: Partial<Alert> = {}): Alert => ({
  fingerprint: 'f',
  name: 'Down',
  service: 'till',
  severity: 'ERROR',
  firing: true,
  startsAt: now - 5_000,
  endsAt: now + 60_000,
  summary: 'It is down',
  opensCase: true,
  ...over,
});

describe('an alert', () => {
  it('that fires is a signal about its service until it ends', () => {
    const alerts = new AlertSignals();
    alerts.take('t', [alert()], now);
    expect(alerts.active(now)).toMatchObject([
      {
        supporting: false,
        signal: {
          fingerprint: 'alert:f',
          kind: 'alert',
          resource: 'urn:svc:till',
          since: now - 5_000,
          title: 'till: alert Down',
          summary: 'The alert Down about till (ERROR) fires since 2026-01-01 23:59:55 UTC: It is down.',
        },
      },
    ]);
    alerts.take('t', [alert({ firing: false, endsAt: now })], now + 1);
    expect(alerts.active(now + 1)).toEqual([]);
  });

  it('whose sender falls silent is over when its time is', () => {
    const alerts = new AlertSignals();
    alerts.take('t', [alert()], now);
    alerts.take('t', [alert({ endsAt: now + 120_000 })], now + 60_000);
    expect(alerts.active(now + 119_999)).toHaveLength(1);
    expect(alerts.active(now + 120_000)).toEqual([]);
  });

  it('that opens no case supports others, and below a warning it is no signal', () => {
    const alerts = new AlertSignals();
    alerts.take(
      't',
      [
        alert({ opensCase: false, severity: 'WARN' }),
        alert({ fingerprint: 'g', opensCase: false, severity: 'INFO' }),
      ],
      now,
    );
    expect(alerts.active(now)).toMatchObject([{ supporting: true, signal: { fingerprint: 'alert:f' } }]);
  });

  it('that fires for long is taken as noticed now, and is news for a quarter of an hour only', () => {
    const alerts = new AlertSignals();
    alerts.take('t', [alert({ startsAt: now - 86_400_000 })], now);
    const [found] = alerts.active(now);
    expect(found?.signal.since).toBe(now - alertAgeMsMax);
    expect(found && isNews(found.signal, now + 899_999)).toBe(true);
    expect(found && isNews(found.signal, now + 900_000)).toBe(false);
  });

  it('finds room for two hundred at once', () => {
    const alerts = new AlertSignals();
    alerts.take(
      't',
      Array.from({ length: 300 }, (_, index) => alert({ fingerprint: String(index) })),
      now,
    );
    expect(alerts.active(now)).toHaveLength(200);
  });
});
