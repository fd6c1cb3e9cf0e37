/** Bars with their share: what is largest, and how much of the whole it is. */
import type { ReactNode } from 'react';
import './shares.css';

export interface ShareBar {
  key: string;
  label: ReactNode;
  /** Of the widest bar, 0–1. */
  part: number;
  /** Part of the bar that failed, 0–1. */
  failed?: number;
  value: string;
  title: string;
}

export const ShareBars = ({ bars, testId }: { bars: ShareBar[]; testId: string }) => (
  <ol className="share-bars" data-testid={testId}>
    {bars.map((bar) => (
      <li key={bar.key} title={bar.title}>
        <span className="share-label clip">{bar.label}</span>
        <span className="share-track" aria-hidden="true">
          <i style={{ width: `${Math.max(0.5, bar.part * 100)}%` }}>
            {bar.failed !== undefined && bar.failed > 0 && (
              <i className="share-failed" style={{ width: `${Math.min(100, bar.failed * 100)}%` }} />
            )}
          </i>
        </span>
        <span className="share-value">{bar.value}</span>
      </li>
    ))}
  </ol>
);
