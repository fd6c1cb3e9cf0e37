import { describe, expect, it } from 'vitest';
import { parseDiff } from './diff.ts';
import { editsOf, numberRatio } from './risk.ts';

const riskOf = (file: string, diff: string) => editsOf(parseDiff(diff, [file]))[0];

describe('edits that break things are told from those that do not', () => {
  const breaking: [string, string, string, string][] = [
    ['a lowered pool', 'svc/db/pool.go', '-\tcfg.MaxConns = 50\n+\tcfg.MaxConns = 5', 'limit'],
    ['a lowered memory limit', 'charts/cart/values.yaml', '-  memory: 1Gi\n+  memory: 256Mi', 'limit'],
    ['a shorter time to live', 'svc/cache.py', '-CACHE_TTL_SECONDS = 300\n+CACHE_TTL_SECONDS = 3', 'limit'],
    [
      'a tighter timeout in another unit',
      'svc/a.go',
      '-\tt := 5*time.Second\n+\tt := 300*time.Millisecond',
      'limit',
    ],
    ['more retries', 'svc/http.ts', '-  retries: 2,\n+  retries: 20,', 'limit'],
    ['debug logging', 'svc/conf.yaml', '-  level: info\n+  level: debug', 'logging'],
    [
      'a removed check',
      'svc/charge.go',
      '-\tif resp.Card == nil {\n-\t\treturn ""\n-\t}\n \treturn resp.Card.Brand',
      'guard_removed',
    ],
    [
      'a removed guard in Python',
      'svc/tax.py',
      '-    if user is None:\n-        return 0\n     return user.rate',
      'guard_removed',
    ],
    [
      'a removed registration',
      'svc/boot.ts',
      '-  registerHandlers(registry);\n   await registry.start();',
      'call_removed',
    ],
    [
      'a removed LIMIT',
      'svc/q.go',
      '-  WHERE t = $1 ORDER BY s LIMIT 50`\n+  WHERE t = $1 ORDER BY s`',
      'query',
    ],
    ['a dropped index', 'db/migrations/004_up.sql', '+DROP INDEX idx_orders_customer;', 'schema'],
    [
      'a call in a loop',
      'svc/o.go',
      '-\tuse(cart.Lines)\n+\tfor _, l := range cart.Lines {\n+\t\titem, err := c.catalog.GetItem(ctx, l.SKU)\n+\t\tuse(item, err)\n+\t}',
      'loop',
    ],
    [
      'a renamed field',
      'svc/map.go',
      '-\t"title": {"type": "text"},\n+\t"name": {"type": "text"},',
      'renamed',
    ],
    ['a switched flag', 'svc/tls.yaml', '-  verify_peer: false\n+  verify_peer: true', 'switch'],
  ];
  it('a new call on the way of every request is suspect', () => {
    const edit = riskOf('svc/login.ts', '+  await auditClient.record(user, session);');
    expect(edit?.kind).toBe('call_added');
  });
  it.each(breaking)('%s is risky', (_, file, diff, kind) => {
    const edit = riskOf(file, diff);
    expect(edit?.kind).toBe(kind);
    expect(edit?.risk).toBeGreaterThanOrEqual(0.6);
  });

  const harmless: [string, string, string][] = [
    ['a comment', 'svc/a.go', '-// loads the cart\n+// loads the cart by id'],
    [
      'a mended typo',
      'svc/errors.go',
      '-\tErrNotFound = "resouce not found"\n+\tErrNotFound = "resource not found"',
    ],
    ['documentation', 'docs/flags.md', '-limit: 10\n+limit: 1'],
    ['a test', 'pkg/retry/backoff_test.go', '-\td := Backoff(3)\n+\td := Backoff(9)'],
    ['colours', 'web/src/theme.ts', '-  accent: "#3b82f6",\n+  accent: "#2563eb",'],
    ['styles', 'web/cart.css', '-.btn { padding: 8px; }\n+.btn { padding: 80px; }'],
    ['another environment', 'deploy/staging/app.yaml', '-  replicas: 9\n+  replicas: 1'],
    ['a patch release', 'go.mod', '-\tgithub.com/jackc/pgx/v5 v5.5.4\n+\tgithub.com/jackc/pgx/v5 v5.5.5'],
    [
      'structured logging',
      'svc/log.go',
      '-\tlog.Printf("%s %d", path, status)\n+\tlogger.Info("request",\n+\t\t"path", path,\n+\t\t"status", status)',
    ],
    [
      'lines moved into a helper',
      'svc/h.go',
      '@@ func Order() @@\n-\tvar req OrderRequest\n-\tif err := json.NewDecoder(r.Body).Decode(&req); err != nil {\n-\t\thttp.Error(w, err.Error(), 400)\n-\t\treturn\n-\t}\n+\treq, err := decodeOrderRequest(r)\n+\tif err != nil {\n+\t\twriteError(w, 400, err)\n+\t\treturn\n+\t}',
    ],
  ];
  it.each(harmless)('%s is not', (_, file, diff) => {
    expect(riskOf(file, diff)?.risk ?? 0).toBeLessThan(0.4);
  });

  it('compares numbers in one unit', () => {
    expect(numberRatio('t := 5*time.Second', 't := 300*time.Millisecond')).toBeCloseTo(0.06);
    expect(numberRatio('memory: 1Gi', 'memory: 512Mi')).toBeCloseTo(0.5);
    expect(numberRatio('a = 1, b = 2', 'a = 1, b = 2')).toBeNull();
    expect(numberRatio('x', 'x = 5')).toBeNull();
  });
});
