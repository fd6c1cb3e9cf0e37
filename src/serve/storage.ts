import { z } from 'zod';
import type { StorageReport } from '../model/index.ts';
import type { Storage } from '../operate/index.ts';
import type { RouteGroup } from './server.ts';

const bytes = z.number().describe('Bytes.');
const answer: z.ZodType<{ data: StorageReport }> = z.object({
  data: z.object({
    at: z.number(),
    disk: z.object({ total_bytes: bytes, free_bytes: bytes, keep_free_bytes: bytes }),
    pending_bytes: bytes,
    ledger: z.object({
      embedded: z.boolean(),
      version: z.string().describe('Of PostgreSQL.'),
      database_bytes: bytes,
      capabilities: z.array(
        z.object({
          name: z.string(),
          present: z.boolean(),
          version: z.string().nullable(),
          trouble: z.boolean().describe('Whether someone should do something about its absence.'),
          message: z.string(),
        }),
      ),
    }),
    tables: z.array(
      z.object({
        store: z.enum(['detail', 'ledger']),
        table: z.string(),
        bytes,
        rows: z.number(),
        retention_days: z.number().nullable().describe('Null: nothing is removed by age.'),
        growth_per_day: z.number().nullable().describe('Bytes; null until it was watched for an hour.'),
        tenants: z.array(
          z.object({
            tenant: z.string().describe('Empty: belongs to no tenant.'),
            bytes: bytes.describe('The bytes of the table, shared out by rows.'),
            rows: z.number(),
          }),
        ),
      }),
    ),
    growth_per_day: z.number().nullable(),
    days_until_full: z.number().nullable(),
    days: z.array(z.object({ day: z.string(), detail: bytes, ledger: bytes })),
  }),
});

/** What each tenant's rows take in each table of both stores, how it grows, and how long the disk lasts. */
export const storageRoutes =
  (storage: Pick<Storage, 'report'>): RouteGroup =>
  async (app) => {
    app.get(
      '/storage',
      {
        config: { operator: true },
        schema: {
          tags: ['health'],
          summary: 'Space by tenant and table, growth, retention; counted anew once a minute',
          response: { 200: answer },
        },
      },
      async () => {
        const report = await storage.report();
        return {
          data: {
            at: report.at,
            disk: {
              total_bytes: report.disk.totalBytes,
              free_bytes: report.disk.freeBytes,
              keep_free_bytes: report.disk.keepFreeBytes,
            },
            pending_bytes: report.pendingBytes,
            ledger: {
              embedded: report.ledger.embedded,
              version: report.ledger.version,
              database_bytes: report.ledger.databaseBytes,
              capabilities: [...report.ledger.capabilities],
            },
            tables: report.tables.map(({ retentionDays, growthPerDay, ...rest }) => ({
              ...rest,
              retention_days: retentionDays,
              growth_per_day: growthPerDay,
            })),
            growth_per_day: report.growthPerDay,
            days_until_full: report.daysUntilFull,
            days: report.days,
          },
        };
      },
    );
  };
