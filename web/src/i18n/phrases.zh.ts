import { healthPhrasesZh } from './health.zh.ts';
import { storagePhrasesZh } from './storage.zh.ts';

/**
 * Fixed phrases of the server that have no code: reasons of the built-in policies and of the steps of a case. The key is
 * the English text with holes for its figures, so a policy that gives another reason under the same id is shown with its own words.
 */
export const phrasesZh: Record<string, string> = {
  ...storagePhrasesZh,
  ...healthPhrasesZh,
  'the risk is below 0.3, the cause at least 0.6 sure, and no such repair failed in the last hour':
    '风险低于 0.3，对原因的把握至少 0.6，且最近一小时内没有同类修复失败',
  'a person asked for this plan and its risk is below 0.3': '此方案由人提出，且风险低于 0.3',
  'an operator or approver decided': '由操作员或审批人决定',
  "an operator runs an approved case's step": '由操作员执行已批准工单的步骤',
  'changes are frozen now; a person may approve an emergency': '当前处于变更冻结期；紧急情况可由人批准',
  'only a person may declare an emergency': '只有人可以宣布紧急情况',
  'no policy approves this by itself (risk {risk}, confidence {confidence})':
    '没有策略能自行批准(风险 {risk}，把握 {confidence})',
  'no policy approves this by itself (risk {risk}, confidence {confidence}, {n} such repairs failed in the last hour)':
    '没有策略能自行批准(风险 {risk}，把握 {confidence}，最近一小时内有 {n} 次同类修复失败)',
  'one person must approve': '须由一人批准',
  'signals point to an incident': '信号表明发生了故障',
  'findings are frozen': '结论已冻结',
  'a plan was asked for': '已请求制定方案',
  'all steps succeeded': '所有步骤均成功',
  'held for {n} s': '已持续达标 {n} 秒',
  'nothing is out of bounds': '一切都在正常范围内',
  'a new incident began after this case was parked': '此工单搁置后又发生了新的故障',
};
