/** What a browser test may hold on to in the console: `data-testid`s that stay when the look changes. */
export const testIds = {
  nav: {
    home: 'nav-home',
    cases: 'nav-cases',
    logs: 'nav-logs',
    traces: 'nav-traces',
    map: 'nav-map',
    slo: 'nav-slo',
    admin: 'nav-admin',
  },
  page: {
    home: 'page-home',
    cases: 'page-cases',
    /** Carries `data-status`, the state of the case. */
    case: 'page-case',
    logs: 'page-logs',
    traces: 'page-traces',
    trace: 'page-trace',
    map: 'page-map',
    slo: 'page-slo',
    admin: 'page-admin',
  },
  firstSteps: 'first-steps',
  serviceRow: 'service-row',
  caseRow: 'case-row',
  /** Carries `data-state`. */
  caseState: 'case-state',
  firstCause: 'first-cause',
  evidence: 'evidence',
  evidenceAll: 'evidence-all',
  evidenceRows: 'evidence-rows',
  evidenceLink: 'evidence-link',
  approve: 'approve',
  reject: 'reject',
  resume: 'resume',
  actionActor: 'action-actor',
  actionReason: 'action-reason',
  actionSubmit: 'action-submit',
  actionError: 'action-error',
  /** Carries `data-decision`. */
  gate: 'gate',
  /** Carries `data-status`. */
  planStep: 'plan-step',
  /** Carries `data-status`. */
  verification: 'verification',
  /** Carries `data-event`. */
  timelineEntry: 'timeline-entry',
  logRow: 'log-row',
  logDetail: 'log-detail',
  logQuery: 'log-query',
  logTrace: 'log-trace',
  chip: 'chip',
  tabPatterns: 'tab-patterns',
  patternRow: 'pattern-row',
  traceRow: 'trace-row',
  /** Carries `data-status`, the status of the span. */
  spanRow: 'span-row',
  spanDetail: 'span-detail',
  /** Carries `data-service` and `data-health`. */
  mapNode: 'map-node',
  mapSide: 'map-side',
  paletteOpen: 'palette-open',
  paletteInput: 'palette-input',
  themeToggle: 'theme-toggle',
  languageToggle: 'language-toggle',
  liveToggle: 'live-toggle',
} as const;

/** `page.locator(byTestId(testIds.caseRow))` */
export const byTestId = (id: string): string => `[data-testid="${id}"]`;
