import type { LabelRule } from './rules.ts';

const prefixes =
  /^(__meta_[a-z]+_(?:[a-z]+_)?(?:label|labelpresent|annotation|tag)_|__meta_(?:kubernetes|docker|consul|ec2|azure|gce|nomad)_|__|resource_attributes_|resource_|attributes_|attribute_|labels_|fields_)/;

/** `k8sPodUID`, `k8s.pod.uid`, `{{ .k8s.pod.uid }}` and `$k8s_pod_uid` are one name. */
export const normalized = (name: string): string =>
  name
    .replace(/[{}$%()"'`\s]/g, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[.\-/:[\]]+/g, '_')
    .toLowerCase()
    .replace(/^_(?=[^_])/, '')
    .replace(/_+$/, '');

/** The rule that a label of this name breaks. */
export function ruleOfName(rules: readonly LabelRule[], name: string): LabelRule | undefined {
  const full = normalized(name);
  if (full === '') return undefined;
  const bare = full.replace(prefixes, '');
  return rules.find((rule) => rule.name.test(bare) && !rule.except?.test(bare) && !rule.except?.test(full));
}
