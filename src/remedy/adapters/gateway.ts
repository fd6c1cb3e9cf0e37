import { z } from 'zod';
import type { Adapter } from './adapter.ts';
import { checkOrigin } from './allow.ts';
import { call, type HttpOptions } from './http.ts';

const paramsSchema = z.strictObject({
  /** Admin address of the route, for example `http://gateway:9000/admin/routes/payments`. */
  url: z.string().min(1).max(8_192),
  method: z.enum(['PUT', 'POST']).default('PUT'),
  service: z.string().min(1).max(200),
  /** Release that shall get the traffic. */
  to: z.string().min(1).max(200),
  /** Release that has it now, where the plan knows it; else the gateway's answer tells. */
  from: z.string().min(1).max(200).optional(),
  actor: z.string().max(200).default('clew'),
});

const answerSchema = z.object({ previous: z.string().min(1) });
const undoSchema = z.object({ to: z.string().min(1) });

/**
 * Shifts a service's traffic to a release: `{service, to, actor}` to the gateway's admin address, which answers with
 * `previous`. What was there before is kept, so that the flip can be taken back without the plan saying how.
 */
export function gatewayFlip(options: HttpOptions): Adapter {
  return {
    action: 'gateway.flip',
    check: (params) => {
      const parsed = paramsSchema.safeParse(params);
      if (!parsed.success)
        return parsed.error.issues.map((issue) => `params.${issue.path.join('.')}: ${issue.message}`);
      const problem = checkOrigin(parsed.data.url, options.allow);
      return problem === null ? [] : [problem];
    },
    prepare: (params) => {
      const parsed = paramsSchema.safeParse(params);
      return parsed.success && parsed.data.from !== undefined ? { to: parsed.data.from } : undefined;
    },
    run: async (params, context) => {
      const parsed = paramsSchema.safeParse(params);
      if (!parsed.success) return { ok: false, output: {}, error: parsed.error.message };
      const { url, method, service, to, actor } = parsed.data;
      const problem = checkOrigin(url, options.allow);
      if (problem !== null) return { ok: false, output: {}, error: problem };
      const result = await call(
        { url, method, json: { service, to, actor }, headers: {} },
        options.allow,
        context,
      );
      const answer = answerSchema.safeParse(result.output.body);
      // A repeated flip answers with its own release: that is not what was there before.
      if (!result.ok || !answer.success || answer.data.previous === to) return result;
      return { ...result, undo: { to: answer.data.previous } };
    },
    compensation: (params, undo) => {
      const parsed = undoSchema.safeParse(undo);
      return parsed.success ? { ...params, to: parsed.data.to, from: params.to } : undefined;
    },
  };
}
