import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { pretended, useFronts } from './ingest-fronts.ts';

const fronts = useFronts();
afterEach(() => {
  pretended.pendingBytes = 0;
});

const startS = Math.floor(Date.now() / 1000) - 120;
const dateTime = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

function send(
  path: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
  base = fronts.url,
) {
  return fetch(`${base}/api/v1/flows/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : Buffer.from(body),
  });
}
const text = { 'content-type': 'text/plain' };
const awsLine = (account: string, rest = 'ACCEPT OK') =>
  `2 ${account} eni-0a 10.0.0.5 192.0.2.9 49152 443 6 12 3400 ${startS} ${startS + 60} ${rest}`;

describe('VPC Flow Logs', () => {
  it('in the default format become rows; NODATA and SKIPDATA become none', async () => {
    const body = [
      awsLine('100000000001'),
      `2 100000000001 eni-0b - - - - - - - ${startS} ${startS + 60} - NODATA`,
      `2 100000000001 eni-0b - - - - - - - ${startS} ${startS + 60} - SKIPDATA`,
      `2 100000000001 eni-0c 2001:db8::1 2001:db8::2 0 0 58 1 104 ${startS} ${startS + 60} REJECT OK`,
    ].join('\n');
    const answer = await send('aws-vpc', body, text);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { accepted: 2, rejected: 0, skipped: 2, errors: [] },
    ]);
    const [first, second] = await fronts.flows('100000000001');
    expect(first).toMatchObject({
      FlowType: 'aws-vpc',
      Exporter: 'eni-0a',
      InInterface: 'eni-0a',
      SrcAddr: '10.0.0.5',
      DstAddr: '192.0.2.9',
      SrcPort: 49152,
      DstPort: 443,
      Protocol: 6,
      ProtocolName: 'tcp',
      Packets: '12',
      Bytes: '3400',
      SamplingRate: 1,
      Action: 'ACCEPT',
      StartTime: `${dateTime(startS)}.000000000`,
      EndTime: `${dateTime(startS + 60)}.000000000`,
      Timestamp: `${dateTime(startS + 60)}.000000000`,
    });
    expect(second).toMatchObject({ SrcAddr: '2001:db8::1', ProtocolName: 'ipv6-icmp', Action: 'REJECT' });
  });

  const custom =
    'version vpc-id subnet-id instance-id interface-id account-id srcaddr dstaddr srcport dstport pkt-srcaddr protocol tcp-flags packets bytes start end flow-direction traffic-path action log-status';
  const customLine = (account: string) =>
    `5 vpc-1 subnet-1 i-1 eni-1 ${account} 10.0.0.5 192.0.2.9 49152 443 10.1.1.1 6 3 12 3400 ${startS} ${startS + 60} egress 8 ACCEPT OK`;
  const expected = {
    VpcId: 'vpc-1',
    SubnetId: 'subnet-1',
    InstanceId: 'i-1',
    OutInterface: 'eni-1',
    InInterface: '',
    Direction: 'egress',
    TcpFlags: 3,
    Attributes: { 'pkt-srcaddr': '10.1.1.1', 'traffic-path': '8' },
  };

  it('in a custom order are read by their header line, as files in S3 have it', async () => {
    const answer = await send('aws-vpc', gzipSync(`${custom}\n${customLine('100000000002')}\n`), {
      'content-type': 'application/gzip',
    });
    expect(answer.status).toBe(200);
    expect(await fronts.flows('100000000002')).toMatchObject([expected]);
  });

  it('in a custom order are read by the parameter, as the console of AWS shows it', async () => {
    const order = custom
      .split(' ')
      .map((name) => `\${${name}}`)
      .join(' ');
    const answer = await send(
      `aws-vpc?fields=${encodeURIComponent(order)}`,
      `${customLine('100000000003')}\n`,
      text,
    );
    expect(answer.status).toBe(200);
    expect(await fronts.flows('100000000003')).toMatchObject([expected]);
  });

  it('keep the good lines of a request and say of the others why', async () => {
    const answer = await send(
      'aws-vpc',
      `${awsLine('100000000004')}\n1 2 3\n${awsLine('100000000004', 'MAYBE OK')}`,
      text,
    );
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      accepted: 1,
      rejected: 2,
      errors: [
        { index: 1, reason: expect.stringContaining('3 fields, the format of version 2 has 14; name those') },
        { index: 2, reason: 'field action is "MAYBE"; ACCEPT or REJECT is needed' },
      ],
    });
    const letters = await fronts.letters('flows/aws-vpc');
    expect(letters.map((row) => Buffer.from(String(row.Payload), 'base64').toString())).toContain('1 2 3');
  });
});

const firehose = (records: (string | Uint8Array)[], requestId = 'r-1') =>
  JSON.stringify({
    requestId,
    timestamp: 1,
    records: records.map((data) => ({ data: Buffer.from(data).toString('base64') })),
  });

describe('Amazon Data Firehose', () => {
  const subscription = (account: string, messageType = 'DATA_MESSAGE') =>
    gzipSync(
      JSON.stringify({
        messageType,
        owner: account,
        logGroup: 'flows',
        logStream: 'eni',
        subscriptionFilters: ['all'],
        logEvents: [{ id: '1', timestamp: startS * 1000, message: awsLine(account) }],
      }),
    );

  it('is answered with its own request id, whichever way the lines are wrapped', async () => {
    const account = '200000000001';
    const body = firehose([
      `${awsLine(account)}\n`,
      JSON.stringify({ message: awsLine(account) }),
      subscription(account),
      subscription(account, 'CONTROL_MESSAGE'),
    ]);
    const answer = await send('aws-firehose', gzipSync(body), { 'content-encoding': 'gzip' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/json');
    const { requestId, timestamp, ...rest } = (await answer.json()) as Record<string, unknown>;
    expect([requestId, typeof timestamp, rest]).toEqual(['r-1', 'number', {}]);
    expect(await fronts.flows(account)).toHaveLength(3);
  });

  it('gives its access key as the token, and learns of errors in its own form', async () => {
    const headers = { 'x-amz-firehose-request-id': 'r-2' };
    const body = firehose([awsLine('200000000002')], 'r-2');
    const refused = await send('aws-firehose', body, headers, fronts.guardedUrl);
    expect([refused.status, await refused.json()]).toEqual([
      401,
      {
        requestId: 'r-2',
        timestamp: expect.any(Number),
        errorMessage: expect.stringContaining('Authorization'),
      },
    ]);
    const wrong = await send(
      'aws-firehose',
      body,
      { ...headers, 'x-amz-firehose-access-key': 'no' },
      fronts.guardedUrl,
    );
    expect(wrong.status).toBe(401);
    const kept = await send(
      'aws-firehose',
      body,
      { ...headers, 'x-amz-firehose-access-key': 'secret' },
      fronts.guardedUrl,
    );
    expect(kept.status).toBe(200);
    expect(await fronts.flows('200000000002')).toHaveLength(1);
  });

  it('is told to repeat when there is no room, and takes attributes and the order from its stream', async () => {
    pretended.pendingBytes = 1e12;
    const full = await send('aws-firehose', firehose([awsLine('200000000003')], 'r-3'), {
      'x-amz-firehose-request-id': 'r-3',
    });
    expect([full.status, full.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await full.json()).toMatchObject({
      requestId: 'r-3',
      errorMessage: expect.stringContaining('pending'),
    });
    pretended.pendingBytes = 0;
    const attributes = { commonAttributes: { stage: 'prod', fields: 'account-id srcaddr dstaddr bytes' } };
    const answer = await send('aws-firehose', firehose(['200000000003 10.0.0.1 10.0.0.2 77']), {
      'x-amz-firehose-common-attributes': JSON.stringify(attributes),
    });
    expect(answer.status).toBe(200);
    expect(await fronts.flows('200000000003')).toMatchObject([
      { SrcAddr: '10.0.0.1', Bytes: '77', Attributes: { stage: 'prod' } },
    ]);
  });

  it('is not asked again for records that nobody can read: they are in the dead letters', async () => {
    const answer = await send('aws-firehose', firehose(['nonsense', awsLine('200000000004')], 'r-4'));
    expect(answer.status).toBe(200);
    expect(await fronts.flows('200000000004')).toHaveLength(1);
    expect(await fronts.letters('flows/aws-firehose')).toHaveLength(1);
  });
});

describe('flow logs of Azure', () => {
  const group = (version: number, tuples: string[], subscription: string) => ({
    time: '2026-01-01T00:00:00Z',
    systemId: 'x',
    macAddress: '000D3AF87856',
    category: 'NetworkSecurityGroupFlowEvent',
    resourceId: `/SUBSCRIPTIONS/${subscription}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/WEB-NSG`,
    operationName: 'NetworkSecurityGroupFlowEvents',
    properties: {
      Version: version,
      flows: [{ rule: 'UserRule_web', flows: [{ mac: '000D3AF87856', flowTuples: tuples }] }],
    },
  });

  it('of network security groups, versions 1 and 2, become rows with both directions counted', async () => {
    const body = JSON.stringify({
      records: [
        group(1, [`${startS},10.0.0.4,10.0.0.5,4567,53,U,O,D`], 'SUB-1'),
        group(2, [`${startS},203.0.113.9,10.0.0.4,44931,443,T,I,A,E,10,4000,8,90000`], 'SUB-1'),
      ],
    });
    expect((await send('azure', body)).status).toBe(200);
    expect(await fronts.flows('sub-1')).toMatchObject([
      {
        FlowType: 'azure-nsg',
        Exporter: 'WEB-NSG',
        ProtocolName: 'udp',
        Direction: 'egress',
        Action: 'REJECT',
      },
      {
        SrcAddr: '203.0.113.9',
        Direction: 'ingress',
        Action: 'ACCEPT',
        Packets: '10',
        Bytes: '4000',
        ReversePackets: '8',
        ReverseBytes: '90000',
        StartTime: `${dateTime(startS)}.000000000`,
        Attributes: { rule: 'UserRule_web', mac: '000D3AF87856', flowState: 'end' },
      },
    ]);
  });

  it('of virtual networks become rows', async () => {
    const record = {
      time: '2026-01-01T00:00:00Z',
      flowLogVersion: 4,
      macAddress: '112233445566',
      category: 'FlowLogFlowEvent',
      flowLogResourceID:
        '/SUBSCRIPTIONS/SUB-2/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/W/FLOWLOGS/VNETLOG',
      targetResourceID:
        '/subscriptions/SUB-2/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/prod/subnets/db',
      operationName: 'FlowLogFlowEvent',
      flowRecords: {
        flows: [
          {
            aclID: 'acl-1',
            flowGroups: [
              {
                rule: 'DefaultRule_Allow',
                flowTuples: [`${startS}599,10.0.0.6,52.239.184.180,23956,443,6,O,B,NX,1,60,2,120`],
              },
              { rule: 'Deny', flowTuples: [`${startS}600,10.0.0.6,10.9.9.9,1,2,17,O,D,NX,0,0,0,0`] },
            ],
          },
        ],
      },
    };
    expect((await send('azure', JSON.stringify({ records: [record] }))).status).toBe(200);
    expect(await fronts.flows('sub-2')).toMatchObject([
      {
        VpcId: 'prod',
        SubnetId: 'db',
        Exporter: 'VNETLOG',
        Action: 'ACCEPT',
        Bytes: '60',
        ReverseBytes: '120',
        StartTime: `${dateTime(startS)}.599000000`,
        Attributes: { aclID: 'acl-1', encryption: 'NX', flowState: 'begin', mac: '112233445566' },
      },
      { Action: 'REJECT', ProtocolName: 'udp' },
    ]);
  });
});

describe('flows of Cilium Hubble', () => {
  it('become rows with pods, namespaces and workloads of both sides', async () => {
    const at = new Date(startS * 1000).toISOString().replace('.000Z', '.123456789Z');
    const flow = {
      time: at,
      verdict: 'DROPPED',
      drop_reason_desc: 'POLICY_DENIED',
      IP: { source: '10.244.1.7', destination: '10.244.2.9', ipVersion: 'IPv4' },
      l4: { TCP: { source_port: 43210, destination_port: 5432, flags: { SYN: true } } },
      source: {
        identity: 7,
        namespace: 'shop',
        pod_name: 'cart-1',
        labels: ['k8s:app=cart'],
        workloads: [{ name: 'cart', kind: 'Deployment' }],
      },
      destination: {
        identity: 9,
        namespace: 'data',
        pod_name: 'db-0',
        workloads: [{ name: 'db', kind: 'StatefulSet' }],
      },
      Type: 'L3_L4',
      node_name: 'kind/worker',
      traffic_direction: 'EGRESS',
      is_reply: false,
      Summary: 'TCP Flags: SYN',
    };
    const body = [
      JSON.stringify({ flow, node_name: 'kind/worker', time: at }),
      JSON.stringify({ lost_events: { source: 'PERF_EVENT_RING_BUFFER', num_events_lost: 12 }, time: at }),
      JSON.stringify({ flow: { ...flow, verdict: 'FORWARDED', l4: { ICMPv4: { type: 8 } } } }),
      '{"flow":',
    ].join('\n');
    const answer = await send('hubble', body, { 'content-type': 'application/x-ndjson' });
    expect([answer.status, await answer.json()]).toMatchObject([
      200,
      { accepted: 2, rejected: 1, skipped: 1 },
    ]);
    expect(await fronts.flows('kind/worker')).toMatchObject([
      {
        FlowType: 'hubble',
        Timestamp: `${dateTime(startS)}.123456789`,
        SrcPod: 'cart-1',
        SrcNamespace: 'shop',
        SrcWorkload: 'cart',
        DstPod: 'db-0',
        DstNamespace: 'data',
        DstWorkload: 'db',
        SrcPort: 43210,
        DstPort: 5432,
        TcpFlags: 2,
        Action: 'REJECT',
        Direction: 'egress',
        Attributes: { drop_reason_desc: 'POLICY_DENIED', 'source.labels': 'k8s:app=cart', is_reply: 'false' },
      },
      { Action: 'ACCEPT', ProtocolName: 'icmp', Attributes: { icmpType: '8', icmpCode: '0' } },
    ]);
  });
});

describe('a request that can not be kept', () => {
  const table: [string, string, Record<string, string>, number, string][] = [
    ['aws-vpc', 'x', { 'content-type': 'text/html' }, 415, 'text/html'],
    ['aws-vpc', 'x', { ...text, origin: 'https://evil.example' }, 403, 'web page'],
    ['aws-vpc', 'a b c', text, 400, 'None of 1 records could be kept; record 0: the line has 3 fields'],
    ['aws-vpc?fields=%2A%2A', awsLine('1'), text, 400, 'names no fields of VPC Flow Logs'],
    [
      'aws-vpc',
      `${awsLine('1').replace('49152', '70000')}`,
      text,
      400,
      'field srcport is "70000"; a whole number from 0 to 65535',
    ],
    [
      'aws-vpc',
      `${awsLine('1').replace('10.0.0.5', '10.0.0')}`,
      text,
      400,
      'field srcaddr is "10.0.0"; an IP address is needed',
    ],
    ['aws-vpc', '{"logs":[]}', {}, 400, 'the record has neither message, logEvents nor awslogs.data'],
    ['aws-vpc', '\u001f\u008b', {}, 400, 'None of 1'],
    ['aws-vpc', 'x', { ...text, 'content-encoding': 'br' }, 415, 'Content-Encoding "br" is not understood'],
    ['azure', '{', {}, 400, 'The body is not JSON'],
    ['azure', '7', {}, 400, 'field records[] is 7; an object is needed'],
    ['azure', '{"records":[{}]}', {}, 400, 'field properties is missing; an object is needed'],
    [
      'azure',
      '{"records":[{"properties":{"Version":3,"flows":[]}}]}',
      {},
      400,
      'field properties.Version is 3',
    ],
    [
      'azure',
      '{"records":[{"properties":{"Version":2,"flows":[{"flows":[{"flowTuples":["1,2"]}]}]}}]}',
      {},
      400,
      'the tuple has 2 parts; 8 (version 1) or 13 (version 2) are needed',
    ],
    ['azure', '{}', text, 415, 'text/plain'],
    ['hubble', 'nonsense', {}, 400, 'The body is not JSON'],
    ['hubble', '{"flow":{}}', {}, 400, 'the flow has neither IP nor verdict'],
    ['hubble', '{"flow":{"IP":{"source":"x"}}}', {}, 400, 'field IP.source is "x"; an IP address is needed'],
    [
      'hubble',
      '{"flow":{"IP":{},"time":"soon"}}',
      {},
      400,
      'field time is "soon"; a time of RFC 3339 is needed',
    ],
  ];
  it.each(table)('%s %j %j is answered %d: %s', async (path, body, headers, status, message) => {
    const answer = await send(path, body, headers);
    const { error } = (await answer.json()) as { error: { message: string } };
    expect([answer.status, error.message]).toEqual([status, expect.stringContaining(message)]);
  });

  const firehoseTable: [string, number, string][] = [
    ['{', 400, 'The body is not JSON'],
    ['[]', 400, 'The body is an array; an object is needed'],
    ['{"records":[]}', 400, 'requestId is missing; a text is needed'],
    ['{"requestId":"a"}', 400, 'records is missing; an array is needed'],
  ];
  it.each(firehoseTable)('Firehose %j is answered %d: %s', async (body, status, message) => {
    const answer = await send('aws-firehose', body, { 'x-amz-firehose-request-id': 'bad' });
    expect([answer.status, await answer.json()]).toEqual([
      status,
      { requestId: 'bad', timestamp: expect.any(Number), errorMessage: expect.stringContaining(message) },
    ]);
  });

  it('because it is too large without its compression is answered 413', async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000, 0x20));
    expect((await send('aws-vpc', bomb, { 'content-type': 'application/gzip' })).status).toBe(413);
    const halves = firehose([gzipSync(Buffer.alloc(150_000, 0x20)), gzipSync(Buffer.alloc(150_000, 0x20))]);
    const answer = await send('aws-firehose', halves);
    expect([answer.status, await answer.json()]).toMatchObject([
      413,
      { errorMessage: expect.stringContaining('ingest.body_bytes_max') },
    ]);
  });

  it('without credentials is answered 401', async () => {
    expect((await send('hubble', '{}', {}, fronts.guardedUrl)).status).toBe(401);
    expect(
      (await send('hubble', '{"lost_events":{}}', { authorization: 'Bearer secret' }, fronts.guardedUrl))
        .status,
    ).toBe(200);
  });
});
