import { ClewError } from '../lib/index.ts';
import { callApi } from './api.ts';

export const priorsUsage = `  clew priors [list] [--json]                        what verified cases taught diagnosis
  clew priors forget KIND TYPE | forget --all        so that it counts no longer`;

export interface PriorsOptions {
  url: string;
  token: string;
  /** The answer as it is, which \`clew diagnose DIR --priors FILE\` reads. */
  json: boolean;
  write: (text: string) => void;
}

interface Listed {
  enabled: boolean;
  data: {
    kind: string;
    resource_type: string;
    confirmed: number;
    refuted: number;
    adjustment: number;
    cases: { number: number }[];
  }[];
}

export async function priors(
  words: readonly string[],
  flags: Readonly<Record<string, string>>,
  options: PriorsOptions,
): Promise<number> {
  const [action = 'list', ...rest] = words;
  if (action === 'forget') return forget(rest, flags.all !== undefined, options);
  if (action !== 'list' || rest.length > 0)
    throw new ClewError('bad_request', `There is no "clew priors ${words.join(' ')}":\n${priorsUsage}`);
  const { enabled, data } = await callApi<Listed>(options, '/priors');
  if (options.json) {
    options.write(`${JSON.stringify({ data })}\n`);
    return 0;
  }
  if (!enabled) options.write('Learning is off (diagnose.learning).\n');
  if (data.length === 0) options.write('No case was verified yet.\n');
  for (const one of data)
    options.write(
      `${one.kind}\t${one.resource_type}\tconfirmed ${one.confirmed}\trefuted ${one.refuted}\t${one.adjustment >= 0 ? '+' : ''}${one.adjustment}\t${one.cases.map(({ number }) => `INC-${number}`).join(' ')}\n`,
    );
  return 0;
}

async function forget(words: readonly string[], all: boolean, options: PriorsOptions): Promise<number> {
  const [kind, type, ...more] = words;
  if (all ? words.length > 0 : type === undefined || more.length > 0)
    throw new ClewError('bad_request', `Name a kind and a type, or --all:\n${priorsUsage}`);
  const query = all
    ? ''
    : `?kind=${encodeURIComponent(kind ?? '')}&resource_type=${encodeURIComponent(type ?? '')}`;
  const { forgotten } = await callApi<{ forgotten: number }>(options, `/priors${query}`, undefined, 'DELETE');
  options.write(options.json ? `${JSON.stringify({ forgotten })}\n` : `${forgotten} cases forgotten\n`);
  return forgotten > 0 ? 0 : 1;
}
