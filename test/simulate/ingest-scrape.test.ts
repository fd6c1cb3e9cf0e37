/** Clew's scraper against targets that misbehave on purpose: what is stored, as SQL sees it, and what is said of the targets. */
import { execFileSync } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { RemoteWriteTranscoder } from '../../src/receive/remote-write/transcoder.ts';
import { missingPrograms } from '../support/programs.ts';
import { encodeFirst } from '../support/remote-write.ts';
import { until } from '../support/until.ts';
import {
  config,
  dir,
  down,
  type Handler,
  job,
  pretended,
  samplesOf,
  scrape,
  sql,
  stateOf,
  store,
  target,
  up,
  useScraper,
  withoutRepeats,
} from './scrape-harness.ts';

useScraper();

describe('a scrape', () => {
  it('is stored as remote write would store it: one series, whichever way it came', async () => {
    const began = Math.floor(Date.now() / 1000) - 60;
    const served = await target((_request, response) =>
      response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0; charset=utf-8').end(
        `# HELP a_seconds Time.
# TYPE a_seconds counter
# UNIT a_seconds seconds
a_seconds_total{code="200",empty=""} 1.5 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.25 ${began + 30}
a_seconds_created{code="200",empty=""} ${began}
# TYPE g gauge
g NaN
{"g.utf8","net.host"="x"} 7
# EOF
`,
      ),
    );
    const { scraper } = await scrape(
      [job('same', served.address)],
      {},
      { external_labels: { cluster: 'eu' } },
    );
    await until('two scrapes', () => served.requests >= 3);
    await up(scraper, 'same');
    const labels: [string, string][] = [
      ['__name__', 'a_seconds_total'],
      ['cluster', 'eu'],
      ['code', '200'],
      ['instance', served.address],
      ['job', 'same'],
    ];
    const sent = new RemoteWriteTranscoder(config.ingest).transcode(
      'default',
      encodeFirst([{ labels, samples: [{ value: 9, at: Date.now() }] }]),
      1,
      Date.now(),
    );
    await Promise.all(sent.blocks.map((block) => store.append(block)));
    const where = "WHERE Tenant = {tenant:String} AND ServiceName = 'same'";
    const rows = await sql(
      `SELECT uniqExact(SeriesId) AS ids, uniqExact(Value) AS values, max(StartTimestamp) = fromUnixTimestamp64Milli(${began * 1000}) AS began FROM metric_samples ${where} AND MetricName = 'a_seconds_total'`,
    );
    expect(rows.map(({ ids, values, began: start }) => [Number(ids), Number(values), Number(start)])).toEqual(
      [[1, 2, 1]],
    );
    expect(
      await sql(
        `SELECT MetricType, Unit, Description, Attributes FROM metric_series ${where} AND MetricName = 'a_seconds_total' AND Unit != '' LIMIT 1`,
      ),
    ).toEqual([
      {
        MetricType: 'sum',
        Unit: 'seconds',
        Description: 'Time.',
        Attributes: { cluster: 'eu', code: '200', instance: served.address, job: 'same' },
      },
    ]);
    expect(withoutRepeats(await samplesOf('g', 'same'))).toEqual(['nan']);
    expect(withoutRepeats(await samplesOf('g.utf8', 'same'))).toEqual(['7']);
    // It was served at each scrape and is one exemplar.
    expect(await sql(`SELECT TraceId, SpanId, Value FROM metric_exemplars ${where}`)).toEqual([
      { TraceId: '0af7651916cd43dd8448eb211c80319c', SpanId: 'b7ad6b7169203331', Value: 0.25 },
    ]);
  });

  it('reports up, duration and counts as Prometheus does', async () => {
    const served = await target('a 1\nb 2\ndropped 3\n');
    const rules = [{ source_labels: ['__name__'], regex: 'dropped', action: 'drop' }];
    await scrape([job('counts', served.address, { metric_relabel_configs: rules })]);
    await until('three scrapes', () => served.requests >= 3);
    const first = async (name: string) => (await samplesOf(name, 'counts')).slice(0, 2);
    await until('two reports', async () => (await first('up')).length === 2);
    expect(await first('up')).toEqual(['1', '1']);
    expect(await first('scrape_samples_scraped')).toEqual(['3', '3']);
    expect(await first('scrape_samples_post_metric_relabeling')).toEqual(['2', '2']);
    expect(await first('scrape_series_added')).toEqual(['2', '0']);
    expect(await samplesOf('dropped', 'counts')).toEqual([]);
    expect(Number((await first('scrape_duration_seconds'))[0])).toBeLessThan(1);
  });

  it('joins labels by honor_labels, and moves those that clash', async () => {
    const served = await target('a{job="own",exported_job="old",instance=""} 1\n');
    const { scraper } = await scrape([
      job('moved', served.address),
      job('honored', served.address, { honor_labels: true }),
    ]);
    await up(scraper, 'moved');
    await up(scraper, 'honored');
    const attributes = async (service: string) =>
      (
        await until('a series', async () => {
          const rows = await sql(
            `SELECT Attributes FROM metric_series FINAL WHERE Tenant = {tenant:String} AND MetricName = 'a' AND ServiceName = '${service}'`,
          );
          return rows.length > 0 && rows;
        })
      ).map((row) => row.Attributes);
    expect(await attributes('moved')).toEqual([
      { exported_exported_job: 'own', exported_job: 'old', instance: served.address, job: 'moved' },
    ]);
    expect(await attributes('own')).toEqual([{ exported_job: 'old', job: 'own' }]);
  });

  it('keeps a time that the target gives, once, unless honor_timestamps says no', async () => {
    const at = Date.now() - 5_000;
    const served = await target(`a{k="timed"} 1 ${at}\n`);
    await scrape([job('timed', served.address), job('untimed', served.address, { honor_timestamps: false })]);
    await until('some scrapes', () => served.requests >= 8);
    expect(await samplesOf('a', 'timed')).toEqual(['1']);
    expect((await samplesOf('a', 'untimed')).length).toBeGreaterThan(1);
  });
});

describe('a series ends', () => {
  it('when the target serves it no more, when a scrape fails, and goes on when it is back', async () => {
    const served = await target('a 1\nb 1\n');
    const { scraper } = await scrape([job('ends', served.address)]);
    await up(scraper, 'ends');
    served.serve = 'a 2\n';
    await until('b ended', async () => (await samplesOf('b', 'ends')).at(-1) === 'stale');
    served.serve = (_request, response) => response.writeHead(500).end();
    await down(scraper, 'ends');
    await until(
      'two failed scrapes',
      async () => (await samplesOf('up', 'ends')).filter((v) => v === '0').length > 1,
    );
    served.serve = 'a 3\n';
    await up(scraper, 'ends');
    await until('a is back', async () => (await samplesOf('a', 'ends')).at(-1) === '3');
    expect(withoutRepeats(await samplesOf('b', 'ends'))).toEqual(['1', 'stale']);
    expect(withoutRepeats(await samplesOf('a', 'ends'))).toEqual(['1', '2', 'stale', '3']);
    expect((await samplesOf('a', 'ends')).filter((value) => value === 'stale')).toHaveLength(1);
    expect(withoutRepeats(await samplesOf('up', 'ends'))).toEqual(['1', '0', '1']);
  });

  it('when its target is taken out of the file, up included', async () => {
    const served = await target('a 1\n');
    const { scraper, write } = await scrape([job('gone', served.address), job('stays', served.address)]);
    await up(scraper, 'gone');
    await write([job('stays', served.address)]);
    await until('it is gone', () => stateOf(scraper, 'gone') === undefined);
    await until('up ended', async () => (await samplesOf('up', 'gone')).at(-1) === 'stale');
    expect(withoutRepeats(await samplesOf('a', 'gone'))).toEqual(['1', 'stale']);
    expect(await samplesOf('a', 'stays')).not.toContain('stale');
  });
});

describe('a target is down and says why', () => {
  const page =
    (body: string): Handler =>
    (_request, response) =>
      response.end(body);
  const hundred = Array.from({ length: 100 }, (_, i) => `a{i="${i}"} 1`).join('\n');
  it.each<[string, Handler, object, string]>([
    [
      'status',
      (_q, response) => response.writeHead(503).end(),
      {},
      'server returned HTTP status 503 Service Unavailable',
    ],
    ['silence', () => {}, {}, 'no answer within 150 ms (scrape_timeout)'],
    [
      'cut',
      (_q, response) =>
        response.writeHead(200, { 'content-length': '9' }).write('a 1\n', () => response.destroy()),
      {},
      'aborted',
    ],
    ['html', page('<html></html>'), {}, 'line 1: expected a metric name, got "<html></html>"'],
    ['line', page('a 1\nb x\n'), {}, 'line 2: the value "x" is not a number'],
    ['twice', page('a 1\nb{l="1",l="2"} 1\n'), {}, 'line 2: a label of b{l="1",l="2"} stands twice'],
    [
      'eof',
      (_q, response) => response.setHeader('content-type', 'application/openmetrics-text').end('a 1\n'),
      {},
      'line 2: the exposition does not end with "# EOF"',
    ],
    [
      'body',
      page('a 1\n'.repeat(300)),
      { body_size_limit: '1KB' },
      'the answer is larger than 1024 bytes (body_size_limit)',
    ],
    [
      'bomb',
      (_q, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync('a 1\n'.repeat(300))),
      { body_size_limit: '1KB' },
      'the answer is larger than 1024 bytes (body_size_limit)',
    ],
    [
      'gzip',
      (_q, response) => response.setHeader('content-encoding', 'gzip').end('a 1\n'),
      {},
      'the answer is not valid gzip: incorrect header check',
    ],
    ['samples', page(hundred), { sample_limit: 99 }, 'it has more than 99 samples (sample_limit)'],
    ['labels', page('a{b="1",c="2"} 1\n'), { label_limit: 4 }, 'a has 5 labels, more than 4 (label_limit)'],
    [
      'name',
      page('a{abcdefghi="1"} 1\n'),
      { label_name_length_limit: 8 },
      'the label name abcdefghi of a has 9 bytes, more than 8 (label_name_length_limit)',
    ],
    [
      'value',
      page('a{b="0123456789012345678901234567890"} 1\n'),
      { label_value_length_limit: 30 },
      'the value of the label b of a has 31 bytes, more than 30 (label_value_length_limit)',
    ],
    [
      'nameless',
      page('a 1\n'),
      { metric_relabel_configs: [{ regex: '__name__', action: 'labeldrop' }] },
      'metric_relabel_configs leave a series without __name__',
    ],
    [
      'redirect',
      (_q, response) => response.writeHead(302, { location: '/metrics' }).end(),
      {},
      'stopped after 10 redirects',
    ],
    [
      'moved',
      (_q, response) => response.writeHead(302, { location: '/x' }).end(),
      { follow_redirects: false },
      'server returned HTTP status 302 Found',
    ],
  ])('%s', async (name, handler, more, message) => {
    const served = await target(handler);
    const { scraper } = await scrape([job(`down_${name}`, served.address, { label_limit: 0, ...more })]);
    const state = await down(scraper, `down_${name}`);
    expect(state.lastError).toBe(message);
    await until('up is 0', async () => (await samplesOf('up', `down_${name}`)).includes('0'));
    expect(await samplesOf('a', `down_${name}`)).toEqual([]);
  });

  it('when nothing listens', async () => {
    const { scraper } = await scrape([job('refused', '127.0.0.1:1')]);
    expect((await down(scraper, 'refused')).lastError).toBe('connect ECONNREFUSED 127.0.0.1:1');
  });

  it('and what could not be read is a dead letter, once', async () => {
    const served = await target('a 1\nletter !\n');
    await scrape([job('letter', served.address)]);
    await until('three scrapes', () => served.requests >= 3);
    const rows = await until('a letter', async () => {
      const found = await sql(
        'SELECT Source, Reason, Payload FROM dead_letters WHERE Tenant = {tenant:String} AND Reason LIKE \'%"!"%\'',
      );
      return found.length > 0 && found;
    });
    expect(rows).toEqual([
      {
        Source: 'prometheus/exposition',
        Reason: `http://${served.address}/metrics: line 2: the value "!" is not a number`,
        Payload: Buffer.from('a 1\nletter !\n').toString('base64'),
      },
    ]);
  });
});

describe('asking a target', () => {
  it('ends with scrape_timeout also when the answer comes drop by drop', async () => {
    const served = await target((_request, response) => {
      const timer = setInterval(() => response.write('a 1\n'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const { scraper } = await scrape([job('drops', served.address)]);
    expect((await down(scraper, 'drops')).lastError).toBe('no answer within 150 ms (scrape_timeout)');
  });

  it.skipIf(missingPrograms('openssl').length > 0)(
    'trusts what ca_file says and nothing else, unless insecure_skip_verify is set',
    async () => {
      const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
      const subject = ['-subj', '/CN=target', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const files = ['-keyout', key, '-out', cert];
      execFileSync(
        'openssl',
        ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...files, ...subject],
        {
          stdio: 'ignore',
        },
      );
      const tls = { key: await readFile(key), cert: await readFile(cert) };
      const served = await target('a 1\n', (handler) => createSecureServer(tls, handler));
      const secure = (name: string, tls_config: object) =>
        // A handshake takes longer than a plain scrape on a busy machine.
        job(name, served.address, {
          scheme: 'https',
          tls_config,
          scrape_interval: '2s',
          scrape_timeout: '2s',
        });
      const { scraper } = await scrape([
        secure('tls_ca', { ca_file: cert }),
        secure('tls_skip', { insecure_skip_verify: true }),
        secure('tls_none', {}),
        secure('tls_name', { ca_file: cert, server_name: 'other' }),
      ]);
      await up(scraper, 'tls_ca');
      await up(scraper, 'tls_skip');
      expect((await down(scraper, 'tls_none')).lastError).toBe(
        'self-signed certificate; name its authority in tls_config.ca_file',
      );
      expect((await down(scraper, 'tls_name')).lastError).toContain(
        "Hostname/IP does not match certificate's altnames",
      );
    },
  );

  it('sends credentials, takes gzip, follows redirects, and does not carry credentials elsewhere', async () => {
    await writeFile(join(dir, 'token'), 'secret\n');
    const seen: string[] = [];
    const elsewhere = await target((request, response) => {
      seen.push(`elsewhere ${request.headers.authorization}`);
      response.setHeader('content-encoding', 'gzip').end(gzipSync('a 1\n'));
    });
    const served = await target((request, response) => {
      seen.push(
        `${request.url} ${request.headers.authorization} ${request.headers['x-prometheus-scrape-timeout-seconds']}`,
      );
      response.writeHead(307, { location: `http://${elsewhere.address}/` }).end();
    });
    const { scraper } = await scrape([
      job('auth_file', served.address, { authorization: { credentials_file: join(dir, 'token') } }),
      job('auth_basic', served.address, { basic_auth: { username: 'u', password: 'p' } }),
    ]);
    await up(scraper, 'auth_file');
    await up(scraper, 'auth_basic');
    expect([...new Set(seen)].toSorted()).toEqual([
      '/metrics Basic dTpw 0.15',
      '/metrics Bearer secret 0.15',
      'elsewhere undefined',
    ]);
  });
});

describe('while the store is full', () => {
  it('scrapes are kept and stored later, none is missing', async () => {
    const counter = { value: 0 };
    const served = await target((_request, response) => response.end(`a ${++counter.value}\n`));
    const { scraper } = await scrape([job('full', served.address)]);
    await up(scraper, 'full');
    pretended.pendingBytes = 1e12;
    const before = counter.value;
    await until('five scrapes', () => counter.value >= before + 5);
    expect(scraper.state().keptBytes).toBeGreaterThan(0);
    pretended.pendingBytes = 0;
    await until('nothing is kept', () => scraper.state().keptBytes === 0);
    const stored = (await samplesOf('a', 'full')).map(Number);
    expect(stored).toEqual(stored.map((_, at) => at + 1));
    expect(stored.length).toBeGreaterThanOrEqual(before + 5);
    expect(scraper.state().lostSamples).toBe(0);
  });

  it('the oldest are lost beyond scrape.kept_bytes_max, and every lost sample is counted', async () => {
    const counter = { value: 0 };
    const served = await target((_request, response) => {
      const n = ++counter.value;
      response.end(
        Array.from({ length: 3000 }, (_, i) => `many{i="${i}",pad="${'x'.repeat(100)}"} ${n}\n`).join(''),
      );
    });
    pretended.pendingBytes = 1e12;
    const { scraper } = await scrape([job('loss', served.address)], { keptBytesMax: 1_048_576 });
    await until('samples are lost', () => scraper.state().lostSamples > 0);
    expect(scraper.state().keptBytes).toBeLessThanOrEqual(1_048_576);
    await scraper.stop();
    const { lostSamples } = scraper.state();
    pretended.pendingBytes = 0;
    // Nothing was stored: each sample and each of the five reports of a scrape is counted as lost.
    const scrapes = lostSamples / 3005;
    expect(Number.isInteger(scrapes) && scrapes >= 1).toBe(true);
    expect(await samplesOf('many', 'loss')).toEqual([]);
  });

  it('a target whose series take more than scrape.series_bytes_max is down, the others are not', async () => {
    const large = await target(
      Array.from({ length: 2500 }, (_, i) => `many{i="${i}",pad="${'x'.repeat(100)}"} 1\n`).join(''),
    );
    const small = await target('a 1\n');
    const { scraper } = await scrape([job('large', large.address), job('small', small.address)], {
      seriesBytesMax: 1_048_576,
    });
    expect((await down(scraper, 'large')).lastError).toBe(
      'the series of all targets take more than 1048576 bytes (scrape.series_bytes_max)',
    );
    await up(scraper, 'small');
  });
});

describe('the scrape file', () => {
  it('is read again when it changes; a broken one is named and changes nothing', async () => {
    const served = await target('a 1\n');
    const { scraper, write } = await scrape([job('first', served.address)]);
    await up(scraper, 'first');
    await write('scrape_configs:\n- job_nme: x\n');
    const [fault] = await until('a fault', () => scraper.state().faults.length > 0 && scraper.state().faults);
    expect(fault).toMatch(/scrape-\d+\.yml:2: scrape_configs\[0\]\.job_nme: is not a known key/);
    expect(stateOf(scraper, 'first')?.health).toBe('up');
    const rule = { source_labels: ['__name__'], target_label: 'kind', replacement: 'new' };
    await write([
      job('first', served.address, { metric_relabel_configs: [rule] }),
      job('second', served.address),
    ]);
    await up(scraper, 'second');
    expect(scraper.state().faults).toEqual([]);
    // The rule makes another series of it; the one before has ended.
    const ended = await until('the old series ended', async () => {
      const rows = await sql(
        "SELECT SeriesId, max(Flags) AS ended FROM metric_samples WHERE Tenant = {tenant:String} AND MetricName = 'a' AND ServiceName = 'first' GROUP BY SeriesId ORDER BY ended",
      );
      return rows.length === 2 && rows;
    });
    expect(ended.map((row) => Number(row.ended))).toEqual([0, 1]);
  });

  it('finds targets in files of JSON and YAML; a half-written one keeps what it had, one that is gone does not', async () => {
    const served = await target('a 1\n');
    const list = (zone: string) => JSON.stringify([{ targets: [served.address], labels: { zone } }]);
    await writeFile(join(dir, 'sd-a.json'), list('a'));
    await writeFile(join(dir, 'sd-b.yml'), `- targets: ['${served.address}']\n  labels: {zone: b}\n`);
    const { scraper } = await scrape([
      { job_name: 'found', file_sd_configs: [{ files: [join(dir, 'sd-*.json'), join(dir, 'sd-b.yml')] }] },
    ]);
    const zones = () =>
      scraper
        .state()
        .active.map(({ labels }) => labels.get('zone'))
        .toSorted()
        .join();
    expect(zones()).toBe('a,b');
    await writeFile(join(dir, 'sd-c.json'), list('c'));
    await until('c is found', () => zones() === 'a,b,c');
    await writeFile(join(dir, 'sd-a.json'), '[{"targets": ["x');
    await until('a fault', () => scraper.state().faults.length === 1);
    expect(scraper.state().faults[0]).toMatch(/sd-a\.json:1: /);
    expect(zones()).toBe('a,b,c');
    await rm(join(dir, 'sd-a.json'));
    await until('a is gone', () => zones() === 'b,c' && scraper.state().faults.length === 0);
  });

  it('may name more targets than scrape.targets_max: the rest is not scraped, and that is said', async () => {
    const { scraper } = await scrape(
      [{ job_name: 'many', static_configs: [{ targets: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'] }] }],
      { targetsMax: 2 },
    );
    expect(scraper.state().active).toHaveLength(2);
    expect(scraper.state().faults).toEqual([
      '1 targets are not scraped: there are more than scrape.targets_max (2)',
    ]);
  });
});
