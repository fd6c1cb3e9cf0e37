/** What Clew says of its own health, and what it advises; English as the sources of `src/operate` write it. */
export const healthPhrasesZh: Record<string, string> = {
  'the oldest acknowledged record waits {ms} ms for its insert (ready.insert_lag_ms_max {max})':
    '最早的已确认记录等待写入 {ms} 毫秒(ready.insert_lag_ms_max {max})',
  'oldest acknowledged record waits {ms} ms for its insert': '最早的已确认记录等待写入 {ms} 毫秒',
  'The engine is slower than the senders: give Clew more cores or a faster disk, or send less.':
    '引擎慢于发送端：请增加处理器核或更快的磁盘，或减少发送。',
  'a write to the write-ahead log takes {ms} ms (ready.commit_ms_max {max})':
    '写入预写日志耗时 {ms} 毫秒(ready.commit_ms_max {max})',
  'The disk is slow or hangs: look at its queue and at what else writes to it.':
    '磁盘很慢或已挂起：请查看其队列以及还有什么在写入。',
  '{bytes} bytes wait to be inserted (ready.pending_share_max: {max} of ingest.pending_bytes_max)':
    '{bytes} 字节等待写入(ready.pending_share_max：上限 {max}，取自 ingest.pending_bytes_max)',
  'Senders are about to be answered 429: send less, or raise ingest.pending_bytes_max.':
    '即将以 429 拒绝发送端：请减少发送，或调高 ingest.pending_bytes_max。',
  '{bytes} bytes are free on the disk (ingest.disk_free_bytes_min {min})':
    '磁盘剩余 {bytes} 字节(ingest.disk_free_bytes_min {min})',
  'free space of the disk is not known yet': '磁盘剩余空间尚不清楚',
  'Senders are answered 503: free some space, or move data_dir to a larger disk.':
    '发送端收到 503：请腾出空间，或把 data_dir 移到更大的磁盘。',
  'replay is done': '重放已完成',
  'write-ahead segments are being replayed': '正在重放预写日志段',
  'Wait; senders keep what is not acknowledged. If it does not end, look at the last error.':
    '请等待；未确认的数据由发送端保留。若一直不结束，请查看最近的错误。',
  'bytes waiting to be inserted': '等待写入的字节',
  'no error': '没有错误',
  'Look at the quarantine folder under data_dir/detail: nothing is lost, segments there can be inserted again.':
    '请查看 data_dir/detail 下的 quarantine 目录：没有丢失，其中的段可重新写入。',
  'answers in {ms} ms': '{ms} 毫秒内应答',
  'The ledger is overloaded or gone: check the disk, then restart Clew.':
    '账本过载或已失联：请检查磁盘，然后重启 Clew。',
  'schema as migrated': '模式与迁移一致',
  'Someone changed the schema by hand; put it back, or restore a backup.':
    '有人手工改动了模式；请改回，或恢复备份。',
  '{n} messages wait, the oldest for {ms} ms': '{n} 条消息在等待，最早的已等 {ms} 毫秒',
  'A consumer fails again and again; its error stands in the log under "bus".':
    '某个消费者反复失败；错误见日志中的 "bus"。',
  '{n} messages were given up': '已放弃 {n} 条消息',
  'Look at outbox.last_error of the poisoned rows, mend the cause, and set poisoned_at to null.':
    '请查看这些行的 outbox.last_error，排除原因后把 poisoned_at 置为 null。',
  '{n} series in this hour': '本小时 {n} 个序列',
  '{n} streams of logs in this hour': '本小时 {n} 个日志流',
  'resident memory': '常驻内存',
  'processor cores': '处理器核',
  'event loop delay p99 {ms} ms': '事件循环延迟 p99 {ms} 毫秒',
  'Clew is short of processor time: lower the load, raise detect.interval_ms, or give it more cores.':
    'Clew 缺少处理器时间：请降低负载，调高 detect.interval_ms，或增加处理器核。',
  '{mb} MB free under {dir}': '{dir} 下剩余 {mb} MB',
  'Free space under {dir} or move data_dir to a larger disk; senders are refused when it is full.':
    '请在 {dir} 下腾出空间，或把 data_dir 移到更大的磁盘；写满后会拒绝发送端。',
  '{job}: no window was due yet': '{job}：尚无到期的窗口',
  '{job}: the newest window ends {n} s ago': '{job}：最新的窗口止于 {n} 秒前',
  '{job}: no window was given up': '{job}：没有放弃的窗口',
  '{job} runs': '{job} 运行中',
  '{n} of {max} connections': '{n} 个连接，上限 {max}',
  '{bytes} bytes wait to be stored': '{bytes} 字节等待存储',
  '{n} datagrams dropped since the start, {m} since the last look':
    '启动以来丢弃 {n} 个数据报，自上次查看 {m} 个',
};
