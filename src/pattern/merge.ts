import { type Form, openKey } from './form.ts';
import { KeyTrie } from './key-trie.ts';

/** Messages of the same statement: all forms have these keys, one a slot. */
export interface Group<Member> {
  keys: string[];
  forms: Form[];
  members: Member[];
}

/** Rounds in which places of varying words are looked for; each may bring to light others. */
const roundsMax = 4;
/** Groups that are compared at a time, the commonest first; the others join what was found among those. */
const groupsMax = 10_000;
/** Times that the ones left over are compared with each other. */
const partsMax = 6;
/** A word that so few groups have is rare. */
const rareMax = 2;
/** Slots in which a varying word is looked for. */
const slotsLookedAtMax = 128;

/**
 * A place of more different words than this in otherwise equal messages is a variable. With fewer the words are more
 * likely the program's own (`started`, `paused`, `resumed`), and joining them would hide a change of meaning.
 */
const ownWordsMax = 9;
/** The same for the first word, which names what speaks or what happens. */
const ownFirstWordsMax = 39;
/** The same for `key=word`, where words of a closed list are fewer. */
const ownSettingsMax = 4;
/** The same where every word is an identifier (`com.example.daily`) or stands between quotes. */
const ownIdentifiersMax = 4;
/** The same after a preposition (`task of alpha`), where words are names unless they are all in capitals. */
const ownObjectsMax = 4;
/** The same between `for` and `from`: somebody's name stands there. */
const ownNamesMax = 1;
/** Constant words that a message must have elsewhere for one of its words to be taken for a value. */
const contextMin = 2;
/** The same where other messages have a value in that place. */
const contextOfValueMin = 3;

const keyOf = (keys: readonly string[]): string => keys.join('\u0002');
const word = /\p{L}/u;
const preposition = /^(?:of|for|from|to|by|on|at|in|into|with|via)$/i;
const capitals = /^[\p{Lu}\d_-]+$/u;
const identifier = /\p{L}[._$/@]\p{L}/u;
const isWord = (key: string | undefined): boolean => key !== undefined && key !== openKey && word.test(key);

export function groupByKeys<Member>(items: Iterable<{ form: Form; members: Member[] }>): Group<Member>[] {
  const groups = new Map<string, Group<Member>>();
  for (const { form, members } of items) {
    const keys = form.slots.map((slot) => slot.key);
    const key = keyOf(keys);
    const group = groups.get(key);
    if (group) {
      group.forms.push(form);
      for (const member of members) group.members.push(member);
    } else groups.set(key, { keys, forms: [form], members: [...members] });
  }
  return [...groups.values()];
}

/** Joins groups that differ by words which are values. The result does not depend on the order of groups. */
export function mergeGroups<Member>(groups: readonly Group<Member>[]): Group<Member>[] {
  let rest = joinPorts(groups);
  if (rest.length > groupsMax) rest.sort((a, b) => b.members.length - a.members.length || compareKeys(a, b));
  let found: Group<Member>[] = [];
  for (let part = 0; part < partsMax && rest.length > 0; part++) {
    found = mergePart([...found, ...rest.slice(0, groupsMax)]);
    rest = rest.slice(groupsMax);
    if (rest.length === 0) break;
    const { left, trie } = generalised(found);
    found = left;
    rest = rest.filter((group) => !joined(trie, group));
  }
  return [...found, ...rest];
}

const compareKeys = (a: { keys: string[] }, b: { keys: string[] }): number =>
  keyOf(a.keys) < keyOf(b.keys) ? -1 : 1;

function mergePart<Member>(groups: readonly Group<Member>[]): Group<Member>[] {
  let current = apply(groups, rareWords(groups));
  for (let round = 0; round < roundsMax; round++) {
    const joins = [...buckets(current).values()]
      .filter(isVariable)
      .map((bucket) => ({ ...bucket, slots: [bucket.slot] }));
    if (joins.length === 0) break;
    current = apply(current, joins);
  }
  return generalised(current).left;
}

/**
 * Puts groups that are a more general one but for words where words vary into that one: of messages that differ in
 * several such places, not all combinations come.
 */
function generalised<Member>(groups: readonly Group<Member>[]): {
  left: Group<Member>[];
  trie: KeyTrie<General<Member>>;
} {
  const trie = new KeyTrie<General<Member>>();
  const sized = groups.map((group) => ({ group, opened: openedIn(group) }));
  sized.sort((a, b) => b.opened.size - a.opened.size || compareKeys(a.group, b.group));
  const left: Group<Member>[] = [];
  for (const general of sized) {
    if (joined(trie, general.group)) continue;
    left.push(general.group);
    if (general.opened.size > 0) trie.add(general.group.keys, general);
  }
  return { left, trie };
}

interface General<Member> {
  group: Group<Member>;
  /** Slots where words vary. */
  opened: Set<number>;
}

const openedIn = <Member>({ forms }: Group<Member>): Set<number> =>
  new Set(forms.flatMap(({ slots }) => slots.flatMap((slot, at) => (slot.opened ? [at] : []))));

function joined<Member>(trie: KeyTrie<General<Member>>, group: Group<Member>): boolean {
  const [best] = trie
    .find(group.keys)
    .filter((general) => fitsIn(group.keys, general.group.keys, general.opened))
    .sort((a, b) => a.opened.size - b.opened.size || compareKeys(a.group, b.group));
  if (!best) return false;
  for (const form of group.forms) openSlots(form, best.opened);
  for (const form of group.forms) best.group.forms.push(form);
  for (const member of group.members) best.group.members.push(member);
  return true;
}

const fitsIn = (keys: readonly string[], general: readonly string[], opened: ReadonlySet<number>): boolean =>
  keys.length === general.length &&
  general.every((key, at) => opened.has(at) || key.trimStart() === keys[at]?.trimStart());

/** Groups to be united, and the slots in which they differ. */
interface Join {
  groups: number[];
  slots: number[];
}

/**
 * Where words that hardly any other group has stand in the same places of many otherwise equal groups, they are values:
 * names, and ids made of letters, several of which may stand in one message.
 */
function rareWords<Member>(groups: readonly Group<Member>[]): Join[] {
  if (groups.length <= ownFirstWordsMax) return [];
  const uses = new Map<string, number>();
  for (const { keys } of groups)
    for (const key of new Set(keys)) if (isWord(key)) uses.set(key, (uses.get(key) ?? 0) + 1);
  const found = new Map<string, Join>();
  for (const [index, { keys }] of groups.entries()) {
    const slots = keys.flatMap((key, slot) => (isWord(key) && (uses.get(key) ?? 0) <= rareMax ? [slot] : []));
    const constant = keys.filter((key, slot) => isWord(key) && !slots.includes(slot)).length;
    if (slots.length === 0 || constant < contextMin) continue;
    const skeleton = keyOf(keys.map((key, slot) => (slots.includes(slot) ? '\u0003' : key)));
    const join = found.get(skeleton);
    if (join) join.groups.push(index);
    else found.set(skeleton, { groups: [index], slots });
  }
  return [...found.values()].filter((join) => join.groups.length > ownFirstWordsMax);
}

/** Groups that are equal but for one slot. */
interface Bucket {
  slot: number;
  keys: readonly string[];
  groups: number[];
  words: Set<string>;
  hasOpen: boolean;
  openIsNumber: boolean;
}

function buckets<Member>(groups: readonly Group<Member>[]): Map<string, Bucket> {
  const found = new Map<string, Bucket>();
  for (const [index, { keys, forms }] of groups.entries()) {
    const slots = Math.min(keys.length, slotsLookedAtMax);
    for (let slot = 0; slot < slots; slot++) {
      const own = keys[slot] as string;
      if (own !== openKey && !word.test(own)) continue;
      const key = keyOf(keys.with(slot, '\u0003'));
      let bucket = found.get(key);
      if (!bucket) {
        bucket = { slot, keys, groups: [], words: new Set(), hasOpen: false, openIsNumber: false };
        found.set(key, bucket);
      }
      bucket.groups.push(index);
      if (own === openKey) {
        bucket.hasOpen = true;
        bucket.openIsNumber = forms.every((form) => isNumber(form, slot));
      } else bucket.words.add(own.trim());
    }
  }
  return found;
}

function isNumber(form: Form, index: number): boolean {
  const slot = form.slots[index];
  return form.tokens
    .slice(slot?.from, slot?.to)
    .some((token) => token.type === 'number' || token.type === 'hex');
}

/** Whether the words in which the groups of a bucket differ are values. */
function isVariable({ slot, keys, groups, words, hasOpen, openIsNumber }: Bucket): boolean {
  if (groups.length < 2) return false;
  const context = keys.filter((key, index) => index !== slot && isWord(key)).length;
  if (hasOpen && !openIsNumber && context >= contextOfValueMin) return true;
  if (context < contextMin) return false;
  const before = keys[slot - 1]?.trim();
  const after = keys[slot + 1]?.trim();
  // What stands before `=` says what the value is.
  if (after === '=') return false;
  return words.size > ownMax([...words], { slot, before, after, context });
}

/** How many different words may stand in a place that are the program's own. */
function ownMax(
  words: readonly string[],
  place: { slot: number; before: string | undefined; after: string | undefined; context: number },
): number {
  const { slot, before, after, context } = place;
  if (context >= contextOfValueMin) {
    if (words.every((each) => identifier.test(each))) return ownIdentifiersMax;
    if (before === 'for' && after === 'from') return ownNamesMax;
    if (before !== undefined && preposition.test(before) && !words.every((each) => capitals.test(each)))
      return ownObjectsMax;
  }
  if (slot === 0) return ownFirstWordsMax;
  return before === '=' ? ownSettingsMax : ownWordsMax;
}

/** Unites the groups of every bucket; what they differ in becomes open. */
function apply<Member>(groups: readonly Group<Member>[], joins: readonly Join[]): Group<Member>[] {
  if (joins.length === 0) return [...groups];
  const parent = groups.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] as number;
    parent[index] = at;
    return at;
  };
  const open = new Map<number, Set<number>>();
  for (const {
    groups: [first = 0, ...others],
  } of joins)
    for (const other of others) parent[root(other)] = root(first);
  for (const {
    groups: [first = 0],
    slots: own,
  } of joins) {
    const top = root(first);
    const slots = open.get(top) ?? new Set();
    for (const slot of own) slots.add(slot);
    open.set(top, slots);
  }
  const united = groups.flatMap((group, index) => {
    const slots = open.get(root(index));
    for (const form of slots ? group.forms : []) openSlots(form, slots ?? new Set());
    return group.forms.map((form, at) => ({ form, members: at === 0 ? group.members : [] }));
  });
  return groupByKeys(united);
}

function openSlots(form: Form, slots: ReadonlySet<number>): void {
  for (const index of slots) {
    const slot = form.slots[index];
    if (slot && slot.key !== openKey) {
      slot.key = openKey;
      slot.opened = true;
    }
    const next = form.slots[index + 1];
    if (next) next.key = next.key.trimStart();
  }
}

/** `proxy:80` is the value that `proxy.example.org:80` is in otherwise equal messages. */
function joinPorts<Member>(groups: readonly Group<Member>[]): Group<Member>[] {
  const known = new Set(groups.map(({ keys }) => keyOf(keys)));
  for (const { keys, forms } of groups) {
    const at = keys.findIndex(
      (key, index) => isWord(key) && keys[index + 1] === ':' && keys[index + 2] === openKey,
    );
    if (at < 0 || keys.filter(isWord).length - 1 < contextOfValueMin) continue;
    const joined = [...keys.slice(0, at), openKey, ...keys.slice(at + 3)];
    if (!known.has(keyOf(joined))) continue;
    for (const form of forms) joinSlots(form, at, at + 3);
  }
  return groupByKeys(
    groups.flatMap(({ forms, members }) =>
      forms.map((form, i) => ({ form, members: i === 0 ? members : [] })),
    ),
  );
}

/** Makes the slots from `from` to before `to` one open slot. */
export function joinSlots(form: Form, from: number, to: number): void {
  const first = form.slots[from];
  const last = form.slots[to - 1];
  if (!first || !last) return;
  form.slots.splice(from, to - from, {
    key: openKey,
    start: first.start,
    end: last.end,
    from: first.from,
    to: last.to,
  });
  const next = form.slots[from + 1];
  if (next) next.key = next.key.trimStart();
}
