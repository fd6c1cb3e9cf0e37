import { describe, expect, it } from 'vitest';
import type { Structure } from '../edge.ts';
import { readCloudSnapshot } from './cloud-snapshot.ts';
import { readPulumi } from './pulumi.ts';
import { readTerraformState } from './terraform.ts';

const drawn = (structure: Structure): string[] =>
  structure.edges.map((edge) => `${edge.src.slice(4)} ${edge.relation} ${edge.dst.slice(4)}`);
const pulumi = (resources: unknown[]) => ({
  path: 'prod.json',
  text: JSON.stringify({ version: 3, deployment: { manifest: {}, resources } }),
});
const stack = 'urn:pulumi:prod::shop::';

describe('what pulumi stack export prints', () => {
  const resources = [
    { urn: `${stack}pulumi:pulumi:Stack::shop-prod`, custom: false, type: 'pulumi:pulumi:Stack' },
    { urn: `${stack}pulumi:providers:aws::default`, custom: true, id: 'x', type: 'pulumi:providers:aws' },
    {
      urn: `${stack}shop:web:Site::site`,
      custom: false,
      type: 'shop:web:Site',
      parent: `${stack}pulumi:pulumi:Stack::shop-prod`,
    },
    {
      urn: `${stack}aws:ec2/vpc:Vpc::net`,
      custom: true,
      id: 'vpc-1',
      type: 'aws:ec2/vpc:Vpc',
      outputs: { arn: 'arn:aws:ec2:vpc/vpc-1', cidrBlock: '10.0.0.0/16' },
    },
    {
      urn: `${stack}aws:rds/instance:Instance::db`,
      custom: true,
      id: 'shop',
      type: 'aws:rds/instance:Instance',
      parent: `${stack}shop:web:Site::site`,
      outputs: {
        engine: 'postgres',
        address: 'shop.rds.amazonaws.com',
        dbName: 'orders',
        password: {
          '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270',
          plaintext: '"hunter2"',
        },
        instanceClass: {
          '4dabf18193072939515e22adb298388d': '1b47061264138c4ac30d75fd1eb44270',
          ciphertext: 'v1:abc',
        },
      },
      dependencies: [`${stack}aws:ec2/vpc:Vpc::net`],
      propertyDependencies: { subnets: [`${stack}aws:ec2/vpc:Vpc::net`], none: null },
    },
    {
      urn: `${stack}aws:ec2/instance:Instance::old`,
      custom: true,
      id: 'i-9',
      delete: true,
      type: 'aws:ec2/instance:Instance',
    },
  ];

  it('becomes resources, components with their children, and what needs what', () => {
    expect(drawn(readPulumi(pulumi(resources))).sort()).toEqual(
      [
        'iac:pulumi/prod CONTAINS iac:pulumi/prod::shop::shop:web:Site::site',
        'iac:pulumi/prod CONTAINS cloud:aws:vpc:arn:aws:ec2:vpc/vpc-1',
        'iac:pulumi/prod::shop::shop:web:Site::site CONTAINS cloud:aws:db_instance:shop',
        'cloud:aws:db_instance:shop DEPENDS_ON cloud:aws:vpc:arn:aws:ec2:vpc/vpc-1',
        'db:postgres:shop.rds.amazonaws.com/orders RUNS_ON cloud:aws:db_instance:shop',
      ].sort(),
    );
  });

  it('never gives a secret away', () => {
    const text = JSON.stringify(readPulumi(pulumi(resources)));
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('v1:abc');
    expect(text).not.toContain('4dabf181');
  });

  it.each([
    ['{"version": 3}', 'prod.json: deployment: Invalid input: expected object, received undefined'],
    [
      '{"version": 3, "deployment": {"resources": [{"urn": "x", "type": "t"}]}}',
      'prod.json: deployment.resources[0].urn: must begin with urn:pulumi:',
    ],
    [
      '{"version": 3, "deployment": {"resources": [{"urn": "urn:pulumi:a::b::c::d", "type": "t", "dependencies": [1]}]}}',
      'prod.json: deployment.resources[0].dependencies[0]: Invalid input: expected string, received number',
    ],
  ])('that is broken is refused with file and field: %s', (text, message) => {
    expect(() => readPulumi({ path: 'prod.json', text })).toThrow(message);
  });
});

describe('a snapshot of a cloud', () => {
  const snapshot = {
    provider: 'aws',
    account: '1234',
    region: 'eu-central-1',
    taken_at: '2026-11-20T12:00:00Z',
    resources: [
      { type: 'vpc', id: 'vpc-1', name: 'net', contains: ['i-1'] },
      {
        type: 'aws_instance',
        id: 'i-1',
        name: 'web',
        zone: 'eu-central-1b',
        tags: { team: 'shop', DbPassword: 'hunter2' },
        depends_on: ['db-1'],
      },
      {
        type: 'db_instance',
        id: 'db-1',
        attributes: { engine: 'mysql', address: 'db.example.test', master_password: 'hunter2' },
      },
    ],
    edges: [{ src: 'db-1', dst: 'vpc-1', relation: 'DEPENDS_ON' }],
  };
  const file = (value: unknown) => ({ path: 'aws.json', text: JSON.stringify(value) });

  it('becomes resources of an account, at the moment that it was taken', () => {
    const { structure, scope, takenAt } = readCloudSnapshot(file(snapshot));
    expect({ scope, takenAt }).toEqual({
      scope: 'aws/1234/eu-central-1',
      takenAt: Date.UTC(2026, 10, 20, 12),
    });
    const edges = drawn(structure);
    for (const edge of [
      'cloud:aws:vpc:vpc-1 CONTAINS cloud:aws:instance:i-1',
      'cloud:aws:instance:i-1 DEPENDS_ON cloud:aws:db_instance:db-1',
      'cloud:aws:db_instance:db-1 DEPENDS_ON cloud:aws:vpc:vpc-1',
      'db:mysql:db.example.test/ RUNS_ON cloud:aws:db_instance:db-1',
      'iac:cloud/aws/1234/eu-central-1 CONTAINS cloud:aws:instance:i-1',
    ])
      expect(edges).toContain(edge);
    const web = structure.nodes.find((node) => node.urn === 'urn:cloud:aws:instance:i-1');
    expect(web).toMatchObject({
      region: 'eu-central-1',
      zone: 'eu-central-1b',
      labels: { 'tag.team': 'shop' },
    });
    expect(JSON.stringify(structure)).not.toContain('hunter2');
  });

  it('gives a resource the URN that Terraform and Pulumi give it', () => {
    const state = readTerraformState({
      path: 's',
      text: JSON.stringify({
        version: 4,
        lineage: 'l',
        resources: [
          { mode: 'managed', type: 'aws_vpc', name: 'm', instances: [{ attributes: { id: 'vpc-1' } }] },
        ],
      }),
    });
    const exported = readPulumi(
      pulumi([{ urn: `${stack}aws:ec2/vpc:Vpc::net`, custom: true, id: 'vpc-1', type: 'aws:ec2/vpc:Vpc' }]),
    );
    const urns = [readCloudSnapshot(file(snapshot)).structure, state, exported].map((one) =>
      one.nodes.map((node) => node.urn),
    );
    for (const list of urns) expect(list).toContain('urn:cloud:aws:vpc:vpc-1');
  });

  it.each([
    [
      { ...snapshot, provider: undefined },
      'aws.json: provider: Invalid input: expected string, received undefined',
    ],
    [{ ...snapshot, taken_at: 'yesterday' }, 'aws.json: taken_at: Invalid ISO datetime'],
    [{ ...snapshot, resources: [{ type: 'vpc', id: '' }] }, 'aws.json: resources[0].id: Too small'],
    [
      { ...snapshot, resources: [{ type: 'vpc', id: 'v', depends_on: ['w'] }], edges: [] },
      'aws.json: resources[0].depends_on[0]: names w, which is no id of this snapshot.',
    ],
    [
      { ...snapshot, edges: [{ src: 'vpc-1', dst: 'i-1', relation: 'LIKES' }] },
      'aws.json: edges[0].relation: Invalid option',
    ],
  ])('that is broken is refused with file and field (%#)', (value, message) => {
    expect(() => readCloudSnapshot(file(value))).toThrow(message);
  });
});
