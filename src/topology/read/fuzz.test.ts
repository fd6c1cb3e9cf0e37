import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isClewError } from '../../lib/index.ts';
import { readAnsible } from '../ansible/read.ts';
import type { Structure } from '../edge.ts';
import { readCloudSnapshot } from './cloud-snapshot.ts';
import type { SourceFile } from './file.ts';
import { readKubernetes } from './kubernetes.ts';
import { readPulumi } from './pulumi.ts';
import { readTerraformState } from './terraform.ts';
import { readTerraformShow } from './terraform-plan.ts';

const secret = 'hunter2-never-kept';
const state = JSON.stringify({
  version: 4,
  lineage: 'l',
  resources: [
    {
      mode: 'managed',
      type: 'aws_db_instance',
      name: 'd',
      instances: [
        {
          index_key: 0,
          attributes: { id: 'd', engine: 'postgres', address: 'db', password: secret, tags: { secret } },
          sensitive_attributes: [[{ type: 'get_attr', value: 'password' }]],
          dependencies: ['aws_vpc.n'],
        },
      ],
    },
    { mode: 'managed', type: 'aws_vpc', name: 'n', instances: [{ attributes: { id: 'n' } }] },
  ],
});
const show = JSON.stringify({
  format_version: '1.2',
  planned_values: {
    root_module: {
      resources: [
        {
          address: 'aws_vpc.n',
          mode: 'managed',
          type: 'aws_vpc',
          name: 'n',
          values: { id: 'n', password: secret },
          sensitive_values: {},
        },
      ],
    },
  },
  configuration: {
    root_module: { resources: [{ address: 'aws_vpc.n', expressions: { a: { references: ['aws_vpc.n'] } } }] },
  },
});
const pulumi = JSON.stringify({
  version: 3,
  deployment: {
    resources: [
      {
        urn: 'urn:pulumi:a::b::aws:ec2/vpc:Vpc::n',
        custom: true,
        id: 'n',
        type: 'aws:ec2/vpc:Vpc',
        outputs: { password: secret },
        dependencies: [],
        propertyDependencies: { a: [] },
      },
    ],
  },
});
const cloud = JSON.stringify({
  provider: 'aws',
  resources: [
    { type: 'vpc', id: 'v', attributes: { password: secret }, tags: { token: secret }, depends_on: ['v'] },
  ],
  edges: [{ src: 'v', dst: 'v', relation: 'USES' }],
});
const manifest = `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: a, namespace: s, labels: { x: y } }\nspec: { template: { metadata: { labels: { x: y } }, spec: { containers: [{ env: [{ name: P, value: "http://u:${secret}@b:1" }], envFrom: [{ secretRef: { name: k } }] }] } } }\n---\napiVersion: v1\nkind: Service\nmetadata: { name: b, namespace: s }\nspec: { selector: { x: y } }\n`;
const ini = `[web]\nweb[01:03] a="b c" password=${secret} url=postgres://u:${secret}@db/x\n[all:children]\nweb\n[web:vars]\nx=[1, {'a': 2}]\n`;
const inventory = `all:\n  hosts: { a: { password: ${secret} } }\n  children: { w: { hosts: { "b[1:3]": } } }\n`;

type Reader = (file: SourceFile) => Structure;
const readers: [string, string, string, Reader][] = [
  ['Terraform state', 'f.tfstate', state, readTerraformState],
  ['terraform show', 'f.json', show, readTerraformShow],
  ['Pulumi', 'f.json', pulumi, readPulumi],
  ['cloud snapshot', 'f.json', cloud, (file) => readCloudSnapshot(file).structure],
  ['Kubernetes', 'f.yaml', manifest, (file) => readKubernetes([file])],
  ['Ansible INI', 'hosts', ini, (file) => readAnsible('.', [file])],
  ['Ansible YAML', 'hosts.yml', inventory, (file) => readAnsible('.', [file])],
];

/** A document that was hurt: cut, bytes changed, parts doubled or swapped, values replaced by others. */
const hurt = (text: string) =>
  fc
    .array(
      fc.tuple(
        fc.nat(),
        fc.nat(40),
        fc.constantFrom(
          '',
          'null',
          '[]',
          '{}',
          '7',
          '"',
          "'",
          '\n',
          '  ',
          ':',
          '-',
          '[',
          ']',
          '}',
          '*a',
          '&a ',
          '\u0000',
          '1e999',
          '[0:99999999]',
          'é',
          '- - -',
        ),
      ),
      { minLength: 1, maxLength: 6 },
    )
    .map((wounds) =>
      wounds.reduce((now, [place, length, put]) => {
        const at = now.length === 0 ? 0 : place % now.length;
        return now.slice(0, at) + put + now.slice(at + length);
      }, text),
    );

/** Either a structure that ends and keeps no secret, or an error in words that names the file. */
function holds(path: string, text: string, read: Reader, runs: number): fc.RunDetails<[string]> {
  return fc.check(
    fc.property(hurt(text), (broken) => {
      try {
        const { nodes, edges } = read({ path, text: broken });
        const urns = new Set(nodes.map((node) => node.urn));
        return nodes.length < 100_000 && edges.every((edge) => urns.has(edge.src) && urns.has(edge.dst));
      } catch (error) {
        return isClewError(error) && error.code === 'unprocessable' && error.message.startsWith(path);
      }
    }),
    { seed: 20_261_120, numRuns: runs },
  );
}

describe('readers of topology, given hurt documents', () => {
  it.each(readers)(
    '%s: a structure, or an error that names the file; never anything else',
    (_, path, text, read) => {
      const result = holds(path, text, read, 400);
      expect(result.counterexample, `seed ${result.seed}`).toBeNull();
    },
  );

  it.each(readers)('%s: of the whole document no secret is kept', (_, path, text, read) => {
    const structure = read({ path, text });
    expect(structure.nodes.length).toBeGreaterThan(0);
    expect(JSON.stringify(structure)).not.toContain(secret);
  });

  it('a reader that trusts its input fails the same property', () => {
    const trusting: Reader = (file) => {
      const { resources } = JSON.parse(file.text) as {
        resources: { instances: { attributes: { id: string } }[] }[];
      };
      const nodes = resources.flatMap((one) =>
        one.instances.map(({ attributes }) => ({
          urn: attributes.id.slice(0),
          type: 'cloud' as const,
          name: '',
          labels: {},
        })),
      );
      return { nodes, edges: [], leftOut: {} };
    };
    expect(holds('f.tfstate', state, trusting, 400).failed).toBe(true);
  });
});
