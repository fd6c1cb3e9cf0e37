import { median, spread } from './robust.ts';
import { absoluteLoss, bestSplit, lineThrough } from './split.ts';

/** A change is named when chance makes one like it in fewer than one of so many series. */
export const significance = 1e-3;
/** More than this on one series, and the cut is too fine to tell anything. */
const segmentsMax = 64;
/** Differences below this share of the level are nothing to a person, however quiet the series is. */
const relativeFloor = 1e-3;
export const sigmasMax = 1000;

export interface Segment {
  from: number;
  /** Exclusive. */
  to: number;
  level: number;
  sigma: number;
  /** Per sample; 0 for a level. */
  slope: number;
  /** How it differs from the one before; null for the first. */
  cut: { from: number; to: number; pValue: number } | null;
}

/** Cuts the series into levels (or lines), the largest change first, until no cut is significant. */
export function segmentsOf(values: Float64Array): Segment[] {
  const cuts: Segment[] = [];
  const open: { from: number; to: number; cut: Segment['cut'] }[] = [
    { from: 0, to: values.length, cut: null },
  ];
  while (open.length > 0) {
    const part = open.pop();
    if (!part) break;
    const stretch = values.subarray(part.from, part.to);
    const split = cuts.length + open.length < segmentsMax ? bestSplit(stretch) : null;
    const line = lineThrough(stretch);
    const stepLoss = split ? lossOfStep(stretch, split.at) : Number.POSITIVE_INFINITY;
    const middle = median(stretch);
    const flatLoss = absoluteLoss(stretch, () => middle);
    if (split && split.pValue < significance && (stepLoss < line.loss || line.loss > 0.9 * flatLoss)) {
      const cut = { from: part.from + split.from, to: part.from + split.to, pValue: split.pValue };
      open.push({ from: part.from + split.at, to: part.to, cut });
      open.push({ from: part.from, to: part.from + split.at, cut: part.cut });
      continue;
    }
    const trend = split !== null && split.pValue < significance && line.loss < 0.8 * flatLoss;
    cuts.push(segment(values, part, trend ? line.slope : 0));
  }
  return cuts.sort((a, b) => a.from - b.from);
}

function lossOfStep(stretch: Float64Array, at: number): number {
  const left = stretch.subarray(0, at);
  const right = stretch.subarray(at);
  const [a, b] = [median(left), median(right)];
  return absoluteLoss(stretch, (i) => (i < at ? a : b));
}

function segment(values: Float64Array, part: Pick<Segment, 'from' | 'to' | 'cut'>, slope: number): Segment {
  const middle = (part.to - part.from - 1) / 2;
  const flat = values.slice(part.from, part.to).map((value, i) => value - slope * (i - middle));
  const level = median(flat);
  return { ...part, level, sigma: spread(flat, level), slope };
}

/** Never zero: what a quiet series may move before anybody calls it a change. */
export function sigmaFloor(segment: Pick<Segment, 'level' | 'sigma'>): number {
  return Math.max(segment.sigma, relativeFloor * Math.abs(segment.level), Number.MIN_VALUE);
}
