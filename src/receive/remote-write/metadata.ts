/** Numbers of a metric family's type, the same in both versions of the protocol. */
const counterType = 1;
const histogramType = 3;
export const gaugeHistogramType = 4;
const summaryType = 5;
const typeMax = 7;

/** What is known of a metric family. */
export interface Family {
  type: number;
  help: string;
  unit: string;
}

/**
 * Families remembered: usually 6 MB, at most 40. Series of further ones go by their name; to forget one for another would
 * write all series anew each minute, for the senders repeat their families in order.
 */
export const familiesMax = 30_000;
/** The longest help text of well-known exporters has some 300 bytes. */
export const helpBytesMax = 512;
export const unitBytesMax = 64;

export const familyType = (type: number): number => (type <= typeMax ? type : 0);

/** Name of a family to its type, help and unit: version 1 sends them in requests of their own, once a minute. */
export class FamilyCache {
  private readonly families = new Map<string, Family>();

  /** True when series that were written before would now get another type. */
  set(tenant: string, name: string, family: Family): boolean {
    const key = `${tenant}\n${name}`;
    const known = this.families.get(key);
    if (known === undefined && this.families.size >= familiesMax) return false;
    // Two versions of an exporter describe one family differently; help that changes to and fro is no news.
    const isNews = known === undefined || known.type !== family.type;
    this.families.set(key, family);
    return isNews;
  }

  /** The family of a series, also when the series' name has a suffix that the family's has not. */
  find(tenant: string, name: string): Family | undefined {
    return (
      this.families.get(`${tenant}\n${name}`) ?? this.families.get(`${tenant}\n${name.replace(suffix, '')}`)
    );
  }
}

const suffix = /_(bucket|count|sum|total|created|gcount|gsum)$/;

/** Whether the samples of a series only grow; by the type of its family, by its name where that is unknown. */
export function isCounter(type: number, name: string): boolean {
  if (type === counterType) return !name.endsWith('_created');
  if (type === histogramType || type === summaryType) return /_(bucket|count|sum)$/.test(name);
  return type === 0 && /_(total|count|sum|bucket)$/.test(name);
}
