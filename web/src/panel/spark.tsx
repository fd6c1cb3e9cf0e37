/** A line the size of a word. Gaps stay gaps: no data is not zero. */
const width = 96;
const height = 20;

export function sparkPath(values: readonly (number | null)[], max: number): string {
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  let pen = 'M';
  let path = '';
  for (const [i, value] of values.entries()) {
    if (value === null || !Number.isFinite(value)) {
      pen = 'M';
      continue;
    }
    const y = max > 0 ? height - 1.5 - (value / max) * (height - 3) : height - 1.5;
    path += `${pen}${(i * step).toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  }
  return path;
}

export function Spark(props: {
  values: readonly (number | null)[] | undefined;
  tone?: 'plain' | 'bad' | 'warn';
  label: string;
  /** At least this at the top, so that a quiet line does not look like a storm. */
  least?: number;
}) {
  const values = props.values ?? [];
  const max = values.reduce<number>((top, value) => Math.max(top, value ?? 0), props.least ?? 0);
  return (
    <svg
      className={`spark spark-${props.tone ?? 'plain'}`}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      <path d={`M0 ${height - 1.5}L${width} ${height - 1.5}`} className="spark-base" />
      <path d={sparkPath(values, max)} className="spark-line" />
    </svg>
  );
}

/** The same as bars, for counts. */
export function SparkBars({ values, label }: { values: readonly number[]; label: string }) {
  const max = Math.max(1, ...values);
  const step = values.length > 0 ? width / values.length : width;
  return (
    <svg
      className="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {values.map((value, i) => {
        const tall = value === 0 ? 0 : Math.max(1, (value / max) * (height - 2));
        return (
          <rect
            // The place in time is the identity of a bar.
            key={i}
            x={i * step}
            y={height - tall}
            width={Math.max(0.5, step - 0.8)}
            height={tall}
            className="spark-bar"
          />
        );
      })}
    </svg>
  );
}
