import { type CaseCause, namedBy } from '../diagnose/index.ts';
import type { Cases } from './create.ts';

/** The cause that a case named first, and the one that a person named instead when the repair was verified. */
export async function namedCause(
  cases: Pick<Cases, 'read' | 'timeline'>,
  caseId: string,
): Promise<CaseCause | null> {
  const { number, verdict } = await cases.read(caseId);
  const [first] = verdict?.verdict === 'root_cause' ? verdict.causes : [];
  if (first === undefined) return null;
  const { kind, resource } = first;
  const verified = (await cases.timeline(caseId)).filter(({ event }) => event === 'verify_pass');
  return { number, kind, resource, named: namedBy(verified.at(-1)?.meta.cause, resource) };
}
