import type { Adapter } from './adapter.ts';

/** Does nothing and says so: for plans that only wait for verification, and for rehearsals. */
export const noop: Adapter = {
  action: 'noop',
  check: () => [],
  run: async (params) => ({
    ok: true,
    output: { message: typeof params.message === 'string' ? params.message : 'nothing done' },
  }),
};
