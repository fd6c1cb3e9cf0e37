interface VatRate {
  standard: number;
}

/** Countries where prices are shown without value added tax. */
const withoutVat = new Set(['US', 'SG', 'JP']);

/** v2.3.9: one rate for all of Europe. */
const flatVat = 0.2;

/** New in v2.4.0: a rate per country. The mistake: the table is keyed by names, the orders carry ISO codes. */
const vatByCountry = JSON.parse(
  '{"germany":{"standard":0.19},"france":{"standard":0.2},"netherlands":{"standard":0.21}}',
);

export function taxCents(version: string, country: string, netCents: number): number {
  if (withoutVat.has(country)) return 0;
  if (version !== 'v2.4.0') return Math.round(netCents * flatVat);
  const rate: VatRate = vatByCountry[country.toLowerCase()];
  return Math.round(netCents * rate.standard);
}
