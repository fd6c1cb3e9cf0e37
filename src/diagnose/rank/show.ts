/** A score as an answer tells it: however sure, never certain. */
export const shownScore = (score: number): number => Math.round(Math.min(score, 0.99) * 1000) / 1000;

/** Numbers as people read them. */
export function shownNumber(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1000) return Math.round(value).toString();
  if (size >= 100) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}
export const shownPercent = (share: number): string =>
  `${(share * 100).toFixed(share < 0.1 && share > 0 ? 1 : 0)} %`;
export const shownTimes = (factor: number): string => `${shownNumber(factor)}×`;
export const shownTime = (at: number): string => new Date(at).toISOString().slice(11, 19);

export function shownLead(seconds: number): string {
  const size = Math.max(0, seconds);
  if (size < 120) return `${size} s`;
  return size < 7_200 ? `${Math.round(size / 60)} min` : `${(size / 3_600).toFixed(1)} h`;
}
export const quoted = (text: string, length = 140): string =>
  text.replace(/\s+/g, ' ').trim().slice(0, length);
