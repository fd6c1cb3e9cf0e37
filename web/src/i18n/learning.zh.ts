import type { learningEn } from './learning.en.ts';

/** Words of the panel about what verified cases taught, in Chinese. A part of `zh`. */
export const learningZh: Record<keyof typeof learningEn, string> = {
  'learning.title': '已验证的事件教会了什么',
  'learning.lead': '经验使此类原因的得分变动多少：至多 0.05，因此只有得分相近的原因会交换位置。',
  'learning.off': '已关闭：diagnose.learning',
  'learning.empty': '尚无经过验证的修复',
  'learning.empty.text': '每次验证通过的修复证实其原因；无效的修复否定其原因。',
  'learning.at': '{kind} · {type}',
  'learning.counts': '证实 {confirmed} 次，否定 {refuted} 次',
  'learning.lower': '可能性更低',
  'learning.higher': '可能性更高',
  'learning.forget': '忘记',
  'learning.forget.all': '全部忘记',
  'learning.sure': '确定永久忘记？',
  'learning.type.service': '服务',
  'learning.type.database': '数据库',
  'learning.type.queue': '队列',
  'learning.type.host': '主机',
  'learning.type.external': '外部',
};
