/**
 * What of a resource's attributes becomes a label. State files hold passwords and keys in plain text, so it is the other
 * way round: nothing is kept but short values of names that are known to be harmless, and tags whose name does not
 * sound like a secret.
 */
const harmless = new Set(
  (
    'instance_type machine_type vm_size size instance_class node_type engine engine_version version db_version ' +
    'database_version availability_zone zone region location vpc_id subnet_id network subnetwork private_ip public_ip ' +
    'ip_address cidr_block ip_cidr_range os_type image ami runtime replicas desired_capacity min_size max_size ' +
    'storage_type allocated_storage port protocol load_balancer_type scheme tier sku_name kind namespace'
  ).split(' '),
);
const secretive =
  /pass|secret|token|credential|private_?key|api_?key|access_?key|auth|cookie|signature|cert|pem|salt|seed/i;
const credentialsInUrl = /:\/\/[^/\s@]*:[^/\s@]*@/;
/** Longest value of a label, and most labels of a resource. */
const valueCharsMax = 200;
const labelsMax = 40;

const plain = (value: unknown): string | undefined => {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || value === '' || value.length > valueCharsMax) return undefined;
  return credentialsInUrl.test(value) ? undefined : value;
};

export const isSecretName = (name: string): boolean => secretive.test(name);

/** Labels of attributes; `hidden` names those that the file itself calls sensitive. */
export function labelsOf(
  attributes: Readonly<Record<string, unknown>>,
  hidden: ReadonlySet<string> = new Set(),
): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (!harmless.has(name) || hidden.has(name)) continue;
    const text = plain(value);
    if (text !== undefined) labels[name] = text;
  }
  for (const key of ['tags', 'labels', 'tags_all']) {
    if (!hidden.has(key)) Object.assign(labels, { ...tagsOf(attributes[key]), ...labels });
  }
  return Object.fromEntries(Object.entries(labels).slice(0, labelsMax));
}

/** `tag.<name>` of every tag that is short and does not sound like a secret. */
export function tagsOf(tags: unknown): Record<string, string> {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return {};
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(tags)) {
    const text = plain(value);
    if (text !== undefined && !isSecretName(name) && name.length <= 100) labels[`tag.${name}`] = text;
  }
  return Object.fromEntries(Object.entries(labels).slice(0, labelsMax));
}

export const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
