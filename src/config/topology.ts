import { z } from 'zod';

const whole = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

const directories = /^(?:[a-z0-9][a-z0-9_-]{0,62}=)?.+$/;

/** Where topology is read from. `list` reads a comma-separated text or a list. */
export const topologySchema = (list: z.ZodPreprocess<z.ZodArray<z.ZodString>>) => {
  const dirs = list.pipe(z.array(z.string().regex(directories, 'is no directory and no TENANT=DIRECTORY')));
  return z
    .strictObject({
      iacDirs: dirs
        .default([])
        .describe(
          'Directories with Terraform state and plans, Pulumi exports, Kubernetes manifests and cloud snapshots, as DIRECTORY or TENANT=DIRECTORY; one that is not there is passed over.',
        ),
      ansibleDirs: dirs
        .default([])
        .describe(
          'Directories with Ansible inventories, variables, roles and playbooks, as topology.iac_dirs.',
        ),
      iacEveryS: whole(60, 86_400, 900).describe('How often topology.iac_dirs are read, seconds.'),
      ansibleEveryS: whole(60, 86_400, 3_600).describe('How often topology.ansible_dirs are read, seconds.'),
      callsIdleS: whole(300, 2_678_400, 900).describe(
        'An observed call that was not seen for longer ends, in topology over time, where it was seen last, seconds.',
      ),
    })
    .prefault({});
};

/** The directories of a tenant; those that name none belong to the tenant of this configuration. */
export const directoriesOf = (entries: readonly string[], tenant: string, fallback: string): string[] =>
  entries.flatMap((entry) => {
    const match = /^([a-z0-9][a-z0-9_-]{0,62})=(.+)$/.exec(entry);
    const [owner, dir] = match === null ? [fallback, entry] : [match[1], match[2]];
    return owner === tenant && dir !== undefined ? [dir] : [];
  });
