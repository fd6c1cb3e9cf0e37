/** Line icons of one weight, drawn here so that nothing has to be loaded. */
const paths = {
  home: 'M3 11 L12 4 L21 11 M6 9.500 V20 H18 V9.500',
  cases: 'M12 3 L22 20 H2 Z M12 10 V14.500 M12 17 V17.300',
  logs: 'M4 6 H20 M4 11 H16 M4 16 H20 M4 21 H12',
  series: 'M4 4 V20 H20 M7 15 L11 9 L14 12.500 L19 6',
  traces: 'M3 6 H14 M7 11.500 H19 M10 17 H21',
  map: 'M5 12 A2.500 2.500 0 1 0 5 11.900 M19 6 A2.500 2.500 0 1 0 19 5.900 M19 18 A2.500 2.500 0 1 0 19 17.900 M7 11 L16.500 7 M7 13 L16.500 17',
  slo: 'M4 20 A9 9 0 1 1 20 20 M12 15 L16.500 9',
  intake: 'M12 3 V14 M7 9.500 L12 14.500 L17 9.500 M3 14 V20 H21 V14',
  storage: 'M4 6 A8 3 0 1 0 20 6 A8 3 0 1 0 4 6 M4 6 V18 A8 3 0 0 0 20 18 V6 M4 12 A8 3 0 0 0 20 12',
  patterns: 'M4 5 H20 M4 10 H9 M13 10 H20 M4 15 H14 M18 15 H20 M4 20 H9 M13 20 H20',
  jobs: 'M4 5 H8 V9 H4 Z M4 15 H8 V19 H4 Z M12 7 H20 M12 17 H20 M6 9 V15',
  admin: 'M3 12 H7 L10 5 L14 19 L17 12 H21',
  search: 'M10.500 4 A6.500 6.500 0 1 0 10.600 4 M15.500 15.500 L21 21',
  theme: 'M12 4 A8 8 0 1 0 12.100 4 M12 4 V20 A8 8 0 0 0 12 4',
  clock: 'M12 4 A8 8 0 1 0 12.100 4 M12 8 V12 L15 14',
} as const;

export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }) => (
  <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
);

export const Mark = () => (
  <svg className="mark" viewBox="0 0 24 24" aria-hidden="true">
    <circle cx="11" cy="11" r="8" />
    <path d="M4.500 8.500c4-2 9-1.500 13.500 1.500M3.600 13c4-2.500 9.500-2.500 13.800 2M8 3.800c3.500 2.700 6.500 7.200 7.500 13.200M17 17c1.500 1.500 3 3.500 4.500 4" />
  </svg>
);
