import { fillTemplate, type Language, wordIn } from '../../model/index.ts';
import type { LayerAnswer } from './judged.ts';

const english = {
  heading: '{incident}: {verdict}, since {onset}',
  since: 'Since {onset}, looked at until {to}; ',
  compared: 'compared with {from} to {to}.',
  noBaseline: 'nothing is known from before.',
  change: 'change',
  confidence: 'confidence',
  layers: 'Layers',
  checks: 'Checks',
  caveat: 'Caveat',
  rows: 'Rows',
  looked: 'What was looked at',
  layer: 'Layer',
  check: 'Check',
  finding: 'Finding',
  changed: 'What was changed',
  kind: 'Kind',
  title: 'Title',
  blame: 'Blame',
  aboutData: 'About the data',
  more: 'What would tell more',
  inLayer: 'in the {layer} layer',
} as const;

const chinese: Record<keyof typeof english, string> = {
  heading: '{incident}：{verdict}，自 {onset} 起',
  since: '自 {onset} 起，查看至 {to}；',
  compared: '与 {from} 至 {to} 相比较。',
  noBaseline: '此前的情况未知。',
  change: '变更',
  confidence: '把握',
  layers: '各层',
  checks: '检查',
  caveat: '注意',
  rows: '数据行',
  looked: '检查了什么',
  layer: '层',
  check: '检查',
  finding: '结果',
  changed: '变更了什么',
  kind: '类型',
  title: '标题',
  blame: '责任',
  aboutData: '关于数据',
  more: '还需要什么数据',
  inLayer: '位于{layer}层',
};

export interface ReportWords {
  t: (key: keyof typeof english, values?: Readonly<Record<string, string>>) => string;
  word: (list: string, word: string) => string;
  /** `finding`, `excluded`, `quiet` or `no_data`. */
  status: (layer: LayerAnswer) => string;
  colon: string;
}

export const stateOf = (layer: LayerAnswer): string => (layer.excluded ? 'excluded' : layer.status);

export function reportWords(language: Language): ReportWords {
  const texts: Record<keyof typeof english, string> = language === 'zh' ? chinese : english;
  const word = (list: string, one: string) => wordIn(language, list, one);
  return {
    t: (key, values = {}) => fillTemplate(texts[key], values) ?? texts[key],
    word,
    status: (layer) => word('status', stateOf(layer)),
    colon: language === 'zh' ? ':' : ': ',
  };
}
