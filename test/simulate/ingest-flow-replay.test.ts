import { expect, it } from 'vitest';
import { replayRequest } from '../../src/receive/replay/request.ts';
import { useFronts } from './ingest-fronts.ts';

const fronts = useFronts();

const awsLine = (account: string, rest: string) =>
  `2 ${account} eni-0a 10.0.0.5 192.0.2.9 49152 443 6 12 3400 1700000000 1700000060 ${rest}`;
const firehose = (line: string) =>
  JSON.stringify({ requestId: 'r', records: [{ data: Buffer.from(line).toString('base64') }] });

const mended: [string, string, string, (payload: string) => string][] = [
  ['aws-vpc', '300000000001', awsLine('300000000001', 'MAYBE OK'), (line) => line.replace('MAYBE', 'ACCEPT')],
  [
    'aws-firehose',
    '300000000002',
    firehose(awsLine('300000000002', 'NO OK')),
    (line) => line.replace('NO', 'REJECT'),
  ],
  [
    'hubble',
    'node-3',
    '{"flow":{"IP":{"source":"10.0.0.x"},"node_name":"node-3"}}',
    (line) => line.replace('.x', '.1'),
  ],
];
it.each(mended)('a refused record of %s can be mended and sent again', async (path, owner, body, mend) => {
  await fetch(`${fronts.url}/api/v1/flows/${path}`, {
    method: 'POST',
    headers: { 'content-type': path === 'aws-vpc' ? 'text/plain' : 'application/json' },
    body,
  });
  const letters = await fronts.letters(`flows/${path}`);
  const letter = letters
    .map(
      (row) =>
        ({ ...row, text: Buffer.from(String(row.Payload), 'base64').toString() }) as Record<
          string,
          unknown
        > & { text: string },
    )
    .find((row) => row.text.includes(owner));
  const request = replayRequest({
    ...{ tenant: 'default', source: `flows/${path}`, reason: '' },
    contentType: String(letter?.ContentType),
    payload: Buffer.from(mend(letter?.text ?? '')),
  });
  const answer = await fetch(fronts.url + request.url, {
    method: 'POST',
    headers: { 'content-type': request.contentType },
    body: Buffer.from(request.payload),
  });
  expect(await answer.json()).toMatchObject({ accepted: 1, rejected: 0 });
  expect(await fronts.flows(owner)).toHaveLength(1);
});
