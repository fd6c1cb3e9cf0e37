/** Words of the panel about what verified cases taught, in English. A part of `en`. */
export const learningEn = {
  'learning.title': 'What verified cases taught',
  'learning.lead':
    'How much experience moves the score of such a cause: never more than 0.05, so only near ties change places.',
  'learning.off': 'Off: diagnose.learning',
  'learning.empty': 'No repair was verified yet',
  'learning.empty.text':
    'Each verified repair confirms the cause it was made for; one that did not help refutes it.',
  'learning.at': '{kind} · {type}',
  'learning.counts': '{confirmed} confirmed, {refuted} refuted',
  'learning.lower': 'less likely',
  'learning.higher': 'likelier',
  'learning.forget': 'Forget',
  'learning.forget.all': 'Forget all',
  'learning.sure': 'Forget for good?',
  'learning.type.service': 'service',
  'learning.type.database': 'database',
  'learning.type.queue': 'queue',
  'learning.type.host': 'host',
  'learning.type.external': 'outside',
};
