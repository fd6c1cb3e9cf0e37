-- One row per flow record, of any sender. Addresses are text (measured on 2 000 000 rows): the engine's IPv6 type is 11 % smaller
-- and groups a fifth faster, but shows 10.0.0.1 as ::ffff:10.0.0.1 and needs ranges in that form; with LowCardinality
-- isIPAddressInRange fails and grouping takes half as long again. Timestamp is the end of the flow under the clock-skew rule,
-- StartTime and EndTime are as they were sent. Bytes and Packets are scaled up by SamplingRate already. Inside a minute rows
-- are sorted by address: for one address that reads a third less than rows sorted by time, at the same size on disk.

CREATE TABLE IF NOT EXISTS network_flows (
  Tenant LowCardinality(String),
  Timestamp DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  StartTime DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  EndTime DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
  FlowType LowCardinality(String),
  Exporter LowCardinality(String),
  SrcAddr String,
  DstAddr String,
  SrcPort UInt16,
  DstPort UInt16,
  Protocol UInt8,
  ProtocolName LowCardinality(String),
  Bytes UInt64,
  Packets UInt64,
  ReverseBytes UInt64,
  ReversePackets UInt64,
  SamplingRate UInt32,
  TcpFlags UInt16,
  Tos UInt8,
  Direction LowCardinality(String),
  Action LowCardinality(String),
  InInterface LowCardinality(String),
  OutInterface LowCardinality(String),
  SrcAs UInt32,
  DstAs UInt32,
  SrcVlan UInt16,
  DstVlan UInt16,
  NextHop String,
  AccountId LowCardinality(String),
  VpcId LowCardinality(String),
  SubnetId LowCardinality(String),
  InstanceId LowCardinality(String),
  SrcPod LowCardinality(String),
  SrcNamespace LowCardinality(String),
  SrcWorkload LowCardinality(String),
  DstPod LowCardinality(String),
  DstNamespace LowCardinality(String),
  DstWorkload LowCardinality(String),
  Attributes Map(LowCardinality(String), String),
  EventId UInt64 CODEC(Delta, ZSTD(1)),
  INDEX idx_src_addr SrcAddr TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX idx_dst_addr DstAddr TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (Tenant, toStartOfMinute(Timestamp), SrcAddr, DstAddr, toUnixTimestamp64Nano(Timestamp))
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
