import type { questionsEn } from './questions.en.ts';

/** Words of the panels that answer questions over many records, in Chinese. A part of `zh`. */
export const questionsZh: Record<keyof typeof questionsEn, string> = {
  'ask.dependencies': '慢或出错的依赖',
  'ask.slow': '慢',
  'ask.failing': '出错',
  'ask.noCalls': '这段时间没有调用。',
  'ask.noCalls.hint': '调用在发生两分钟后计入。',
  'ask.dependency': '{src} → {dst}:p95 {p95}，失败 {errors},{rate}',
  'ask.openSlowest': '打开最慢的链路',
  'ask.heaviest': '最重的',
  'ask.of.endpoints': '接口',
  'ask.of.users': '用户',
  'ask.of.patterns': '日志模式',
  'ask.of.labels': '标签值',
  'ask.by.count': '次数',
  'ask.by.time': '耗时',
  'ask.by.errors': '错误',
  'ask.what': '对象',
  'ask.weight': '按',
  'ask.attribute.users': '标识用户的属性',
  'ask.attribute.labels': '标签',
  'ask.distinct': '共 {n} 种',
  'ask.nothing': '这段时间没有这类数据。',
};
