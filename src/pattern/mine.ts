import { type Form, formOf } from './form.ts';
import { KnownTemplates } from './known.ts';
import { type Group, groupByKeys, joinSlots, mergeGroups } from './merge.ts';
import { render } from './render.ts';

/** An example message of a shape and how often the shape came. */
export interface PatternSample {
  /** Unsigned 64-bit, as decimal text; any other stable name does as well. Samples of one shape get one template. */
  shape: string;
  message: string;
  /** Messages of the shape; with several samples of one shape those that each stands for. */
  count: number;
}

export interface MinedTemplate {
  /** Constant text with `<*>` for variables; tokens are separated by one space. */
  template: string;
  count: number;
  shapes: string[];
  /** The message of the commonest sample, and how often that came. */
  example: string;
  exampleCount: number;
}

export interface Mining {
  templates: MinedTemplate[];
  templateOfShape: ReadonlyMap<string, MinedTemplate>;
}

export interface MiningOptions {
  /**
   * The samples show every value that varies in the messages of their shapes, so a number in a word that never varies
   * is constant. Without it such a number is open until several samples agree.
   */
  complete?: boolean;
  /** What stands between quotes is one value, as in the shapes of stored records. True when not given. */
  quotedIsValue?: boolean;
}

interface Unit {
  shape: string;
  samples: PatternSample[];
  forms: Form[];
}

/** The template of one message by itself. Mining may generalise it further when it sees its siblings. */
export const templateOf = (message: string): string =>
  render([formOf(message, { quotedIsValue: true })], { complete: false, lines: 1 });

/**
 * Groups messages by template. A message that a `known` template fits takes it, so that patterns keep their identity
 * over time. The others are cut into words, marks and values; messages that are equal but for their values are one
 * statement, and so are statements that differ in a word which is a value as well: it follows `user`, stands where
 * others have a value, or is one of many. What `<*>` stands for is then read from all examples of a statement.
 * The order in which samples come does not matter.
 */
export function mineTemplates(
  samples: readonly PatternSample[],
  known: readonly string[] = [],
  options: MiningOptions = {},
): Mining {
  const index = new KnownTemplates(known);
  const settled: { template: string; unit: Unit }[] = [];
  const items: { form: Form; members: Unit[] }[] = [];
  for (const unit of unitsOf(samples, options.quotedIsValue ?? true)) {
    const template = index.fit(unit.forms);
    if (template !== null) settled.push({ template, unit });
    else
      for (const [at, form] of alike(unit.forms).entries())
        items.push({ form, members: at === 0 ? [unit] : [] });
  }
  if (items.length > 0) for (const form of index.forms) items.push({ form, members: [] });
  const mined = mergeGroups(groupByKeys(items)).flatMap((group) => named(group, options));
  return describe([...settled, ...mined]);
}

function unitsOf(samples: readonly PatternSample[], quotedIsValue: boolean): Unit[] {
  const units = new Map<string, Unit>();
  for (const sample of samples) {
    const unit = units.get(sample.shape);
    const form = formOf(sample.message, { quotedIsValue });
    if (unit) {
      unit.samples.push(sample);
      unit.forms.push(form);
    } else units.set(sample.shape, { shape: sample.shape, samples: [sample], forms: [form] });
  }
  return [...units.values()];
}

/** Forms of one shape get equal keys: where they differ they become open. */
function alike(forms: Form[]): Form[] {
  const [first, ...others] = forms;
  if (!first || others.every((form) => sameKeys(first, form))) return forms;
  // The common slots of all, in their order.
  let common = first.slots.map((slot) => slot.key);
  for (const form of others)
    common = commonSequence(
      common,
      form.slots.map((slot) => slot.key),
    );
  for (const form of forms) openBetween(form, common);
  return forms;
}

const sameKeys = (a: Form, b: Form): boolean =>
  a.slots.length === b.slots.length && a.slots.every((slot, index) => slot.key === b.slots[index]?.key);

function commonSequence(a: readonly string[], b: readonly string[]): string[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      (lengths[i] as Uint16Array)[j] =
        a[i] === b[j]
          ? (lengths[i + 1]?.[j + 1] ?? 0) + 1
          : Math.max(lengths[i + 1]?.[j] ?? 0, lengths[i]?.[j + 1] ?? 0);
  const common: string[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      common.push(a[i] as string);
      i++;
      j++;
    } else if ((lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0)) i++;
    else j++;
  }
  return common;
}

/** Joins what stands between common slots. */
function openBetween(form: Form, common: readonly string[]): void {
  let at = 0;
  for (const key of [...common, undefined]) {
    let to = at;
    while (to < form.slots.length && form.slots[to]?.key !== key) to++;
    if (to > at) {
      joinSlots(form, at, to);
      at++;
    }
    at++;
  }
}

function named(group: Group<Unit>, options: MiningOptions): { template: string; unit: Unit }[] {
  if (group.members.length === 0) return [];
  let lines = 0;
  for (const { samples } of group.members) for (const { count } of samples) lines += count;
  const template = render(group.forms, { complete: options.complete ?? false, lines });
  return group.members.map((unit) => ({ template, unit }));
}

function describe(pairs: readonly { template: string; unit: Unit }[]): Mining {
  const byTemplate = new Map<string, MinedTemplate>();
  const templateOfShape = new Map<string, MinedTemplate>();
  for (const { template, unit } of pairs) {
    let mined = byTemplate.get(template);
    if (!mined) {
      mined = { template, count: 0, shapes: [], example: '', exampleCount: -1 };
      byTemplate.set(template, mined);
    }
    mined.shapes.push(unit.shape);
    templateOfShape.set(unit.shape, mined);
    for (const { message, count } of unit.samples) {
      mined.count += count;
      const better = count > mined.exampleCount || (count === mined.exampleCount && message < mined.example);
      if (better) {
        mined.example = message;
        mined.exampleCount = count;
      }
    }
  }
  return { templates: [...byTemplate.values()], templateOfShape };
}
