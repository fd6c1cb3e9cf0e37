/**
 * The sentences of `sentence.ts` in Chinese, by their code. A template has the values of the English one
 * and the same brackets: alternatives, of which the first whose values are given is said. Quotes stay as they are.
 */
import type { SentenceCode } from './sentence.ts';

export const sentencesZh: Record<SentenceCode, string> = {
  'signal.availability': '{service}：{errors} 的请求失败',
  'signal.availability.summary':
    '{service} 最近 15 秒的可用性为 {value}，目标为 {target}；在 {seconds} 秒窗口内，错误预算的消耗速度是允许的 {burn} 倍。',
  'signal.error_rate': '{service}：错误率升至 {ratio}',
  'signal.error_rate.summary':
    '最近 15 秒 {service} 的 {requests} 个请求中有 {errors} 个失败；正常为 {normal}。',
  'signal.latency': '{service}: p95 {value} ms',
  'signal.latency.summary':
    '最近 15 秒 {service} 95 % 的请求耗时不超过 {value} ms，目标为 {target} ms；正常为 {normal} ms。',
  'signal.typical_latency': '{service}：典型请求耗时 {value} ms',
  'signal.typical_latency.summary': '{service} 有一半的请求耗时超过 {value} ms；正常为 {normal} ms。',
  'signal.throughput': '{service}：{value} 请求/秒，正常为 {normal}',
  'signal.throughput.summary':
    '{service} 最近 30 秒每秒应答 {value} 个请求；正常为 {normal}，而调用方仍在尝试。',
  'signal.surge': '{service}：流量升至 {value} 请求/秒',
  'signal.surge.summary': '{service} 每秒收到 {value} 个请求；正常为 {normal}。',
  'signal.log_volume': '{service}：{value} 条日志/秒',
  'signal.log_volume.summary': '{service} 每秒写入 {value} 条日志；正常为 {normal}。',
  'signal.series_above': '{service}：{measure} 异常偏高，{value}(预期 {expected})',
  'signal.series_above.summary':
    '{service} 的 {measure}({table})高于其历史所预期：{value}，预期 {expected} ± {sigma}；自 {since} UTC 起。',
  'signal.series_below': '{service}：{measure} 异常偏低，{value}(预期 {expected})',
  'signal.series_below.summary':
    '{service} 的 {measure}({table})低于其历史所预期：{value}，预期 {expected} ± {sigma}；自 {since} UTC 起。',
  'signal.series_spread': '{service}：{measure} 的波动与以往不同，当前 {value}',
  'signal.series_spread.summary':
    '{service} 的 {measure}({table})在最近 {span} 个样本内的波动与其历史不符；当前 {value}，预期 {expected} ± {sigma}；自 {since} UTC 起。',
  'signal.alert': '{service}：告警 {alert}',
  'signal.alert.summary': '{service} 的告警 {alert}({severity})自 {since} UTC 起触发[:{text}]。',

  'error_rate.up':
    '{service}：{seconds} 秒内 {requests} 个请求中有 {errors} 个失败({now})，正常为 {before}；其中最多的是 [{operation}|未知操作][，状态码 {codes}]。',
  'error_rate.ok': '没有服务的失败多于平时(已检查 {count} 个)。',
  'error_rate.no_data': '故障期间没有任何请求。',
  'response_time.up':
    '{service}：{seconds} 秒内 p95 为 {p95} ms，正常为 {p95Before} ms；典型请求 {p50} ms，正常为 {p50Before} ms[；最慢的是 {operation}]。',
  'response_time.ok': '响应时间与平时一样({count} 个服务)。',
  'response_time.no_data': '请求太少，无法比较响应时间。',
  'throughput.surge': '{service} 每秒收到 {now} 个请求，正常为 {before}。',
  'throughput.gone': '{service} 每秒应答 {now} 个请求，而调用方每秒尝试 {attempted} 个；正常为 {before}。',
  'throughput.ok': '每个服务收到并应答的请求数都与平时一样。',
  'throughput.no_data': '没有请求速率的基线。',
  'own_time.up':
    '{service} 自身每次处理耗时 {now} ms，正常为 {before} ms：增加的时间中有 {share} 是它自身的。',
  'own_time.ok': '没有服务的自身耗时多于平时。',
  'own_time.no_data': '没有链路可用来拆分响应时间。',
  'version.worse':
    '{service} {version} 在故障开始前 {secondsBefore} 秒首次出现，[其请求的 {errors} 失败，{previous} 为 {errorsBefore}|其 p95 为 {p95} ms,{previous} 为 {p95Before} ms]。',
  'version.new': '{service} {version} 在故障开始前 {secondsBefore} 秒首次出现，表现与 {previous} 相同。',
  'version.ok': '没有新版本比之前的版本表现更差。',
  'version.no_data': '没有服务说明自己运行的版本。',
  'log_pattern.new': '{service} 每秒 {rate} 次写入日志“{sample}”；此前从未出现。',
  'log_pattern.grown': '{service} 每秒 {rate} 次写入日志“{sample}”；正常为 {before}。',
  'log_pattern.ok': '没有新的错误消息。',
  'log_pattern.no_data': '没有日志。',
  'log_volume.flood':
    '{service} 每秒写入 {now} 条日志，正常为 {before}；其中每秒 {added} 条为 {level}，多数形如“{sample}”。',
  'log_volume.ok': '每个服务的日志量都与平时一样。',
  'log_volume.no_data': '没有日志。',
  error_origin:
    '{share} 的新增错误始于 [{service} 对 {peer} 的调用|{service}({operation})|{service}]: [{message}|状态码 {status}|没有消息]。',
  'error_origin.none': '没有新的失败 Span。',
  'error_origin.spread': '失败的 Span 很分散，没有突出的源头。',
  'error_origin.no_data': '故障期间没有链路。',
  dependency:
    '{src} → {dst} 在 {seconds} 秒内[有 {errors} 的调用失败(正常为 {errorsBefore}),p95 {p95} ms(正常为 {p95Before} ms)|有 {errors} 的调用失败(正常为 {errorsBefore})| p95 为 {p95} ms(正常为 {p95Before} ms)]。',
  'dependency.ok': '{count} 条调用关系都与平时一样。',
  'dependency.no_data': '没有对依赖的调用。',
  'pool.exhausted':
    '{service}：{pending} 个请求在等待连接(正常为 {pendingBefore})[,{max} 个连接中 {used} 个在用][，等待 {waitMs} ms(正常为 {waitMsBefore} ms)]。',
  'pool.ok': '没有请求在等待连接。',
  'pool.no_data': '没有服务上报连接池。',
  'change.near': '故障开始[前 {secondsBefore} 秒|时]，[{service}|某个未具名的服务] 发生{kind}：{title}。',
  'change.none': '故障开始前半小时内没有任何变更。',
  'network.broken': '{src} 有 {count} 次无法连接 {dst}：{message}。',
  'network.timeout': '{src} 有 {count} 次无法连接 {dst}：{message}。',
  'network.ok': '没有被拒绝、被重置或超时的连接。',
  'network.no_data': '没有服务之间的调用。',
  'cpu.busy': '{service}：{metric} 为 {now}，正常为 {before}。',
  'cpu.ok': '上报 CPU 的 {count} 个服务都有空闲。',
  'cpu.no_data': '没有服务上报 CPU 或事件循环的使用率。',
  'memory.grows':
    '{service}：{metric} 在 {seconds} 秒内从 {from} 一直涨到 {to}，从未回落[，上限为 {limit}][，同一版本重启 {restart} 次|，同一版本重启 {restarts} 次][，并写入日志“{sample}”]。',
  'memory.ok': '上报内存的 {count} 个服务都很平稳。',
  'memory.no_data': '没有服务上报内存。',
  'statement.slow':
    '{service}：“{statement}”耗时 {now} ms，正常为 {before} ms(故障开始以来执行 {count} 次)。',
  'statement.ok': '{count} 条语句的耗时都与平时一样。',
  'statement.no_data': '没有数据库调用。',

  'rca.time': '{service}:{metric} 为 {now}，平时为 {before}[；所察觉的新增耗时中有 {share} 源于它自身]。',
  'rca.failures': '{service}:{metric} 为 {now}，平时为 {before}[；所察觉的失败中有 {share} 始于此处]。',
  'rca.began_calling': '{service} 调用了 {callee}，故障之前没有任何服务调用过它：{metric} 为 {now}。',
  'rca.metric': '{service}:{metric} 为 {now}，平时为 {before}。',
  'rca.own_time': '{service}({operation})每次处理自身耗时 {now} ms，平时为 {before} ms(共 {count} 次)。',
  'rca.way': '{caller} 的调用比 {service} 的处理多等待 {now} ms，平时为 {before} ms(共 {count} 次)。',
  'rca.appears':
    '{service}({operation})现在[写入日志“{log}”|调用 {call}|执行 {span}|失败]，{total} 次处理中有 {count} 次；之前 {totalBefore} 次中有 {before} 次。',
  'rca.vanishes':
    '{service}({operation})不再[写入日志“{log}”|调用 {call}|执行 {span}]，{total} 次处理中有 {count} 次缺失；之前 {totalBefore} 次中缺失 {before} 次。',
  'rca.order':
    '{service}：[{operation} 之后是“{log}”|{operation} 之后没有任何记录]，{total} 次中有 {after} 次；之前 {totalBefore} 次中有 {before} 次。',
  'rca.message_new': '自 {since} UTC 起 {service} 写入日志“{sample}”{count} 次；此前从未出现。',
  'rca.message_grown': '{service} 每分钟写入日志“{sample}”{rate} 次，平时为 {before} 次。',
  'rca.message_gone': '{service} 不再写入日志“{sample}”；平时每分钟 {before} 次。',
  'rca.span_errors': '故障期间 {service}({operation})的 {total} 个 Span 中有 {count} 个失败[:{message}]。',
  'rca.change':
    '{kind} {id}“{title}”在故障开始前 {lead} [于 {service} ]生效[:{shown}][；它与异常现象共有 {words}]。',
  'rca.surge': '{service} 收到 {now} 个请求，平时为 {before}({factor})；另有 {count} 个服务的请求也增多。',
  'rca.provider': '{total} 条新的异常日志中有 {count} 条提到 {peer}，它在被观测系统之外。',
  'rca.flood': '{service} 写出的日志是平时的 {factor}，其中最多的是“{sample}”。',
  'rca.leak': '{service}:{metric} 在 {seconds} 秒内从 {from} 增长到 {to}。',
  'rca.silent': '{callers} 对 {service} 的 {count} 次调用没有得到回应：{service} 没有这些调用的记录。',
  'rca.unreachable': '{services} 无法访问 {resource}(自故障开始共 {count} 条消息)。',
  'rca.one_record': '全部 {count} 次失败都涉及 {field} {value}，而此前其他 {before} 条记录均正常。',
  'rca.host': '{service} 运行在 {host} 上，其 {metric} 为 {now}，平时为 {before}。',
  'rca.tenant': '{tenant} 也开始使用 {host}:{metric} 为 {now}，平时为 {before}。',
  'rca.explains': '这可以解释 {services}。',
  'rca.unexplained': '这不能解释 {services}。',
  'rca.check_ok': '已检查 {count} 条序列或操作，均与平时一样。',
  'rca.check_no_data': '没有数据。',

  learned:
    '[{zh}|{en}]在此前的事件中被认定过：经修复验证证实 {confirmed} 次，被否定 {refuted} 次；得分因此由 {from} 变为 {to}。',

  'missing.baseline': '要判定，还需要故障之前的遥测数据。',
  'missing.traces': '要判定，还需要受影响请求的链路。',
  'missing.logs': '要判定，还需要日志。',
  'missing.metrics': '要判定，还需要指标。',
  'missing.changes': '要判定，还需要最近一天的变更。',
  'missing.calls': '要判定，还需要服务之间的调用关系。',

  'layer.finding': '有数据的 {looked} 项检查中有 {count} 项发现异常。',
  'layer.ranked': '目录中有数据的 {looked} 项检查均正常，但所排序的原因或其征兆在这一层。',
  'layer.silent': '没有相关测量值；没有日志或事件提到故障({looked} 项检查)。',
  'layer.quiet': '已排除：有数据的 {looked} 项检查均与平时一样，其中 {measured} 项依据测量值。',
  'layer.no_data': '没有数据：{count} 项检查都没有可读的数据。',

  'caveat.repeated_values': '{count} 个值重复给出；每个只计一次。',
  'caveat.contradictory_values': '{count} 个值重复给出且不一致；以最后一个为准。',
  'caveat.repeated_spans': '{count} 个 Span 的编号与同一链路中的另一个相同；以第一个为准。',
  'caveat.repeated_logs': '{count} 条日志重复给出；每条只计一次。',
  'caveat.same_logs': '{count} 条日志与同一时刻的另一条完全相同；每条都计入，因为程序可能重复输出。',
  'caveat.repeated_events': '{count} 个变更重复给出；每个只计一次。',
  'caveat.no_numbers': '{count} 行没有数值；已略去。',
  'caveat.negative_durations': '{count} 个 Span 的结束早于开始；按历时 0 ms 计。',
  'caveat.unordered': '{count} 行排在更晚的行之后；已按时间排序。',
  'caveat.no_rows_inside': '{field} 内没有任何数据行；数据从 {from} 到 {to}。',
  'caveat.baseline_overlaps': '基线与时间窗重叠 {seconds} s；重叠部分计入时间窗。',
  'caveat.clock': '{service} 的时钟与其调用方相差约 {seconds} s；无法判断谁先发生。',
  'caveat.window_reversed': '{field} 的结束早于开始；已按相反的顺序读取。',
  'caveat.skipped': '跳过了 {rows} 行中的 {count} 行；第一处在第 {line} 行[，字段 {field}]:[{why_zh}|{why}]',
  'caveat.broken': '读到第 {line} 行后中断：{error}。',
  'caveat.not_read': '前 {limit} 行之后还有 {count} 行没有读取。',
  'caveat.empty': '文件是空的。',
  'caveat.outside_window': 'incident_at 不在所给的时间窗内；以时间窗为准。',
  'caveat.no_baseline': '没有基线：故障开始之前的情况未知。',
  'caveat.symptom_usual': '所察觉的现象在数据中与平时一样。',
  'caveat.short_baseline': '请求只与之前最后 {minutes} 分钟相比较。',
  'caveat.series_limit': '按名称顺序只读取了 {limit} 条序列。',
  'caveat.trace_share': '每 {share} 条链路查看一条。',
  'caveat.record_share': '每 {share} 条日志查看一条。',

  'field.no_time': '{value} 不是时间；应为 ISO 8601 或 epoch 数值。',
  'field.no_number': '{value} 不是数值。',
  'field.no_object': '{value} 不是对象。',
  'field.empty': '缺少或为空。',
  'field.no_json': '不是 JSON。',
  'field.no_json_object': '不是 JSON 对象。',
  'field.no_window': '应为带有 "from" 和 "to" 的对象。',
  'field.no_span': '"from" 和 "to" 是同一时刻。',

  indicator: '[{zh}|{en}]',
  explains: '[{service} |{services} ]直接或间接调用它，并随之受到影响。',
  'considered.after': '发生在故障开始之后。',
  'considered.cause': '就在原因所在处，发生在故障开始前不久。',
  'considered.elsewhere': '{service} 受到影响，但证据指向 {resource}。',
  'considered.unproved': '{service} 受到影响，但没有迹象表明是此变更所致。',
  'considered.quiet': '[{service} |变更对象]没有异常。',
  'scope.failing':
    '自 UTC {since} 起：{services}。{entry} 的 {total} 个请求中有 {errors} 个失败({ratio})；受影响的请求：[仅 {key}={value}|没有单一维度能将其区分]。',
  'scope.failing_slow':
    '自 UTC {since} 起：{services}。{entry} 的 {total} 个请求中有 {errors} 个失败({ratio})，并且变慢；受影响的请求：[仅 {key}={value}|没有单一维度能将其区分]。',
  'scope.unclear': '自 UTC {since} 起；没有服务明显比平时差。',
};
