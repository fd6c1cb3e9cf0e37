import { describe, expect, it } from 'vitest';
import type { Structure } from '../edge.ts';
import { readTerraformState } from './terraform.ts';
import { readTerraformShow } from './terraform-plan.ts';

export const drawn = (structure: Structure): string[] =>
  structure.edges.map((edge) => `${edge.src.slice(4)} ${edge.relation} ${edge.dst.slice(4)}`).sort();

const state = (resources: unknown[], more: object = {}) => ({
  path: 'prod/shop.tfstate',
  text: JSON.stringify({
    version: 4,
    terraform_version: '1.9.0',
    serial: 3,
    lineage: 'l',
    resources,
    ...more,
  }),
});
const one = (type: string, name: string, attributes: object, more: object = {}) => ({
  mode: 'managed',
  type,
  name,
  provider: 'provider["registry.terraform.io/hashicorp/aws"]',
  instances: [{ schema_version: 0, attributes, ...more }],
});

const shop = [
  one('aws_vpc', 'main', {
    id: 'vpc-1',
    cidr_block: '10.0.0.0/16',
    tags: { Name: 'shop', ApiToken: 'tag-s3cret' },
  }),
  {
    ...one('aws_subnet', 'a', {}),
    instances: [
      { index_key: 'a', attributes: { id: 'subnet-a', vpc_id: 'vpc-1' }, dependencies: ['aws_vpc.main'] },
      { index_key: 'b', attributes: { id: 'subnet-b', vpc_id: 'vpc-1' }, dependencies: ['aws_vpc.main'] },
    ],
  },
  one(
    'aws_instance',
    'web',
    {
      id: 'i-1',
      private_dns: 'ip-10-0-1-5.ec2.internal',
      subnet_id: 'subnet-b',
      user_data: 'password=hunter2',
      availability_zone: 'eu-1b',
    },
    { dependencies: ['aws_subnet.a', 'aws_vpc.main'] },
  ),
  one(
    'aws_db_instance',
    'db',
    {
      id: 'shop',
      engine: 'postgres',
      address: 'shop.abc.rds.amazonaws.com',
      db_name: 'orders',
      password: 'hunter2',
      instance_class: 'db.t3',
    },
    {
      sensitive_attributes: [
        [{ type: 'get_attr', value: 'password' }],
        [{ type: 'get_attr', value: 'instance_class' }],
      ],
      dependencies: ['aws_vpc.main'],
    },
  ),
  one('random_password', 'p', { id: 'none', result: 'hunter2' }),
  { ...one('aws_ami', 'ubuntu', { id: 'ami-1' }), mode: 'data' },
];

describe('a Terraform state', () => {
  it('becomes resources of a stack, joined by what they need directly', () => {
    const edges = drawn(readTerraformState(state(shop)));
    expect(edges).toEqual(
      [
        'cloud:aws:subnet:subnet-a DEPENDS_ON cloud:aws:vpc:vpc-1',
        'cloud:aws:subnet:subnet-b DEPENDS_ON cloud:aws:vpc:vpc-1',
        // Through its subnet it needs the network too; of two subnets it names one by id.
        'cloud:aws:instance:i-1 DEPENDS_ON cloud:aws:subnet:subnet-b',
        'cloud:aws:db_instance:shop DEPENDS_ON cloud:aws:vpc:vpc-1',
        'host:ip-10-0-1-5 RUNS_ON cloud:aws:instance:i-1',
        'db:postgres:shop.abc.rds.amazonaws.com/orders RUNS_ON cloud:aws:db_instance:shop',
        ...['vpc:vpc-1', 'subnet:subnet-a', 'subnet:subnet-b', 'instance:i-1', 'db_instance:shop'].map(
          (path) => `iac:terraform/prod/shop CONTAINS cloud:aws:${path}`,
        ),
      ].sort(),
    );
  });

  it('never gives away a secret: attributes that it calls sensitive, passwords, tags that sound like one, random values', () => {
    const structure = readTerraformState(
      state(shop, { outputs: { key: { value: 'hunter2', sensitive: true } } }),
    );
    const text = JSON.stringify(structure);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('s3cret');
    expect(text).not.toContain('db.t3');
    expect(structure.nodes.find((node) => node.urn.endsWith('i-1'))).toMatchObject({
      zone: 'eu-1b',
      name: 'web',
    });
    expect(text).toContain('10.0.0.0/16');
  });

  it('leaves a secret id out: the resource is named by its address', () => {
    const hidden = one(
      'aws_iam_access_key',
      'k',
      { id: 'AKIA1' },
      { sensitive_attributes: [[{ type: 'get_attr', value: 'id' }]] },
    );
    const { nodes } = readTerraformState(state([hidden]));
    expect(nodes.map((node) => node.urn)).toContain('urn:cloud:aws:iam_access_key:aws_iam_access_key.k');
    expect(JSON.stringify(nodes)).not.toContain('AKIA1');
  });

  it.each([
    [
      '{"version": 4,\n "resources": [',
      'prod/shop.tfstate: line 2, column 16: the file ends in the middle of its JSON.',
    ],
    ['{"version": 4,\n "resources": ]}', 'prod/shop.tfstate: line 2, column 15: this is no JSON.'],
    ['', 'prod/shop.tfstate: line 1, column 1: the file ends in the middle of its JSON.'],
    [
      '{"version": 3, "modules": []}',
      'prod/shop.tfstate: version: is 3; Clew reads version 4, which Terraform 0.12 and later write.',
    ],
    ['{"resources": []}', 'prod/shop.tfstate: version: Invalid input: expected number, received undefined'],
    [
      '{"version": 4, "resources": [{"mode": "managed", "type": "a_b", "name": "c", "instances": [{}, 7]}]}',
      'prod/shop.tfstate: resources[0].instances[1]: Invalid input: expected object, received number',
    ],
    [
      '{"version": 4, "resources": [{"mode": "managed", "name": "c", "instances": []}]}',
      'prod/shop.tfstate: resources[0].type: Invalid input: expected string, received undefined',
    ],
    ['[]', 'prod/shop.tfstate: Invalid input: expected object, received array'],
  ])('that is broken is refused with file, place and field: %s', (text, message) => {
    expect(() => readTerraformState({ path: 'prod/shop.tfstate', text })).toThrow(message);
  });
});

describe('what terraform show prints', () => {
  const plan = (more: object = {}) => ({
    path: 'shop.plan.json',
    text: JSON.stringify({
      format_version: '1.2',
      planned_values: {
        root_module: {
          resources: [
            {
              address: 'aws_vpc.main',
              mode: 'managed',
              type: 'aws_vpc',
              name: 'main',
              values: { cidr_block: '10.0.0.0/16' },
              sensitive_values: {},
            },
          ],
          child_modules: [
            {
              address: 'module.web',
              resources: [
                {
                  address: 'module.web.aws_lb.front',
                  mode: 'managed',
                  type: 'aws_lb',
                  name: 'front',
                  values: { name: 'front', region: 'eu', scheme: 'hush' },
                  sensitive_values: { scheme: true },
                },
                {
                  address: 'module.web.aws_instance.web[0]',
                  mode: 'managed',
                  type: 'aws_instance',
                  name: 'web',
                  values: {},
                },
              ],
            },
          ],
        },
      },
      configuration: {
        root_module: {
          resources: [{ address: 'aws_vpc.main', expressions: {} }],
          module_calls: {
            web: {
              module: {
                resources: [
                  {
                    address: 'aws_lb.front',
                    expressions: {
                      subnets: [{ references: ['aws_instance.web[0].id', 'aws_instance.web'] }],
                    },
                  },
                  { address: 'aws_instance.web', expressions: {}, depends_on: [] },
                ],
              },
            },
          },
        },
      },
      ...more,
    }),
  });

  it('becomes what will be, joined by the references of the configuration', () => {
    const structure = readTerraformShow(plan());
    expect(drawn(structure)).toContain(
      'cloud:aws:lb:module.web.aws_lb.front DEPENDS_ON cloud:aws:instance:module.web.aws_instance.web[0]',
    );
    expect(structure.nodes.find((node) => node.name === 'front')).toMatchObject({
      region: 'eu',
      labels: { planned: 'true' },
    });
    expect(JSON.stringify(structure)).not.toContain('hush');
  });

  it('of a state becomes what is', () => {
    const structure = readTerraformShow({
      path: 's.json',
      text: JSON.stringify({
        format_version: '1.0',
        values: {
          root_module: {
            resources: [
              {
                address: 'google_compute_instance.a',
                mode: 'managed',
                type: 'google_compute_instance',
                name: 'a',
                values: { id: 'p/z/a', name: 'a', zone: 'z' },
                depends_on: ['google_compute_network.n'],
              },
              {
                address: 'google_compute_network.n',
                mode: 'managed',
                type: 'google_compute_network',
                name: 'n',
                values: { id: 'p/n' },
              },
            ],
          },
        },
      }),
    });
    expect(drawn(structure)).toContain(
      'cloud:gcp:compute_instance:p/z/a DEPENDS_ON cloud:gcp:compute_network:p/n',
    );
    expect(drawn(structure)).toContain('host:a RUNS_ON cloud:gcp:compute_instance:p/z/a');
    expect(structure.nodes.every((node) => node.labels.planned === undefined)).toBe(true);
  });

  it('names file and field when it is broken', () => {
    expect(() => readTerraformShow(plan({ format_version: '9.0' }))).toThrow(
      'shop.plan.json: format_version: is 9.0; Clew reads 0.x and 1.x.',
    );
    expect(() => readTerraformShow(plan({ planned_values: { root_module: { resources: [{}] } } }))).toThrow(
      'shop.plan.json: planned_values.root_module.resources[0].address: Invalid input',
    );
  });
});
