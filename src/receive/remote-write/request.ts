import type { Block } from '../../model/index.ts';
import type { Rejection } from '../otlp/transcoder.ts';

/** Of the protocol. */
export type Version = 1 | 2;

/** What one request became. */
export interface Written {
  blocks: Block[];
  samples: number;
  histograms: number;
  exemplars: number;
  /** Samples, histograms and exemplars that were not kept. */
  rejected: number;
  rejections: Rejection[];
}

export interface RemoteWriteLimits {
  bodyBytesMax: number;
  attributeBytesMax: number;
  clockSkewS: number;
}
