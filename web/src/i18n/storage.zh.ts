import type { storageEn } from './storage.en.ts';

/** Words of the page Storage in Chinese. A part of `zh`. */
export const storageZh: Record<keyof typeof storageEn, string> = {
  'storage.title': '存储',
  'storage.counted': '统计于 {time}',
  'storage.disk': '磁盘',
  'storage.disk.note': '共 {total}，已用 {used}，其中 Clew 占 {clew}',
  'storage.free': '磁盘剩余',
  'storage.free.note': '其中 {bytes} 保留不用',
  'storage.growth': '每日增长',
  'storage.growth.unknown': '一小时后可知',
  'storage.full': '磁盘写满还需',
  'storage.full.days': '{days} 天',
  'storage.full.never': '按此速度不会写满',
  'storage.full.unknown': '一小时后可知',
  'storage.full.warn': '请缩短 ledger.retention，或换更大的磁盘',
  'storage.ledger': '账本',
  'storage.ledger.embedded': '内嵌',
  'storage.ledger.server': '服务器',
  'storage.tenants': '按租户',
  'storage.tenants.aside': '表的字节数按行数分摊',
  'storage.tables': '按表',
  'storage.nobody': '不属于任何租户',
  'storage.other': '其他表',
  'storage.others': '其他租户',
  'storage.col.table': '表',
  'storage.col.bytes': '占用磁盘',
  'storage.col.rows': '行数',
  'storage.col.growth': '每日增长',
  'storage.col.retention': '保留',
  'storage.detail': '明细',
  'storage.store.ledger': '账本',
  'storage.kept.days': '{days} 天',
  'storage.kept.ever': '一直',
  'storage.more': '显示全部 {n} 张表',
  'storage.less': '只显示最大的',
  'storage.days': '逐日变化',
  'storage.days.empty': '明天起可看到变化：大小每天记录一次。',
  'storage.empty': '还没有存储任何数据',
  'storage.empty.text': '将发送方指向 Clew；一分钟内即可在此看到。',
  'storage.capabilities': '账本的能力',
};

/** What the server says of the ledger's capabilities; the keys are its words with holes for what varies. */
export const storagePhrasesZh: Record<string, string> = {
  'this engine has none: knowledge is found by words only.': '此引擎没有：知识只能按词查找。',
  'this engine has none: time series are native range partitions, which the job ledger-maintenance makes and drops.':
    '此引擎没有：时间序列使用原生范围分区，由任务 ledger-maintenance 创建和删除。',
  'this engine has none: there is no Cypher; the graph is asked by SQL.':
    '此引擎没有：不能使用 Cypher；图通过 SQL 查询。',
  'row-level security': '行级安全',
  'compression of hypertables': '超表压缩',
  'retention policies of TimescaleDB': 'TimescaleDB 的保留策略',
  'reads of a tenant run as the role {role}': '租户的读取以角色 {role} 执行',
  'Cypher is answered by an engine of its own beside the ledger': 'Cypher 由账本旁的独立引擎回答',
  'version {version}': '版本 {version}',
  'on for {tables}': '已用于 {tables}',
  'chunks are dropped by policies': '由策略删除过期数据块',
  'this TimescaleDB is of the Apache edition (timescaledb.license = {license}): tables stay as they are.':
    '此 TimescaleDB 为 Apache 版(timescaledb.license = {license})：表保持不压缩。',
  'this TimescaleDB is of the Apache edition (timescaledb.license = {license}): the job ledger-maintenance drops chunks beyond their retention.':
    '此 TimescaleDB 为 Apache 版(timescaledb.license = {license})：由任务 ledger-maintenance 删除超出保留期的数据块。',
  'it is installed, but the server does not load it (shared_preload_libraries): time series are native range partitions, which the job ledger-maintenance makes and drops.':
    '已安装，但服务器未加载(shared_preload_libraries)：时间序列使用原生范围分区，由任务 ledger-maintenance 创建和删除。',
};
