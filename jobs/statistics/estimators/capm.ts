/* Rates and returns are annual shares: 0.05 is 5 % a year. */

/** Return above the risk-free rate per unit of volatility. */
export function sharpeRatio(annualReturn: number, annualVolatility: number, riskFree: number): number {
  return (annualReturn - riskFree) / annualVolatility;
}

/** Slope of the asset's returns on the market's. */
export function beta(correlation: number, assetVolatility: number, marketVolatility: number): number {
  return (correlation * assetVolatility) / marketVolatility;
}

/** What the capital asset pricing model says holders ask for: riskFree + beta (marketReturn - riskFree). */
export function costOfEquity(assetBeta: number, marketReturn: number, riskFree: number): number {
  return riskFree + assetBeta * (marketReturn - riskFree);
}
