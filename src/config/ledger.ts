import { z } from 'zod';

const retentionEntry = /^[a-z][a-z0-9_]{0,62}=[1-9]\d{0,4}$/;

/** Where aggregates, topology, events and cases are kept. `list` reads a comma-separated text or a list. */
export const ledgerSchema = (list: z.ZodPreprocess<z.ZodArray<z.ZodString>>) =>
  z
    .strictObject({
      url: z
        .string()
        .default('')
        .describe(
          'Address of a PostgreSQL server (15 or newer) as postgres://user@host:5432/database; empty: the embedded ledger in data_dir. May come from CLEW_LEDGER_URL_FILE.',
        ),
      password: z
        .string()
        .default('')
        .describe(
          'Password for ledger.url, where that has none. Better given as CLEW_LEDGER_PASSWORD_FILE, the name of a file.',
        ),
      graph: z
        .enum(['auto', 'on', 'off'])
        .default('auto')
        .describe(
          'Whether the calls of the last 10 minutes are kept as a graph that answers Cypher: auto where Apache AGE is there, on to be warned where it is not, off.',
        ),
      connectionsMax: z.coerce
        .number()
        .int()
        .min(2)
        .max(200)
        .default(10)
        .describe('Connections of this process to the PostgreSQL server.'),
      statementTimeoutS: z.coerce
        .number()
        .int()
        .min(1)
        .max(86_400)
        .default(60)
        .describe('A statement on the PostgreSQL server is ended after so long, seconds.'),
      retention: list
        .pipe(
          z.array(
            z
              .string()
              .regex(
                retentionEntry,
                'is no retention such as metric_1m=90 (a time-series table and its days)',
              ),
          ),
        )
        .default([])
        .describe(
          'Days that time-series tables of the ledger are kept, as metric_1m=90,service_call_5m=400; tables not named keep 180 days (service_call_5m 365).',
        ),
    })
    .prefault({});
