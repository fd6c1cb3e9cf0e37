import type { EpochMs } from './time.ts';

/** Something a person or a machine changed: a deploy, a configuration value, a flag, a scale, … */
export interface ChangeEvent {
  /** The sender's id, or one of ours; the same id twice is one event. */
  id: string;
  at: EpochMs;
  /** deploy, config, flag, scale, commit, migration, … in lower case; free text, compared as is. */
  kind: string;
  /** `service.name` of what was changed; empty when unknown. */
  service: string;
  title: string;
  actor: string;
  /** For example `version`, `previous_version`, `key`, `old`, `new`. */
  labels: Record<string, string>;
}
