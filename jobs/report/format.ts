const number = new Intl.NumberFormat('en');
const decimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** Narrow and without a break: between a figure and its unit. */
const THIN = '\u202f';

export function formatCount(count: number): string {
  return number.format(count);
}

/** `count` with the word that fits it. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A share as a percentage, cut and not rounded: 99.97 % is not all. */
export function formatShare(share: number, digits = 1): string {
  const unit = 10 ** digits;
  // The product of a share such as 0.57 may lie just below the whole number that it stands for.
  const cut = Math.floor(share * 100 * unit + 1e-9) / unit;
  return `${cut.toFixed(digits)}${THIN}%`;
}

/** A change with its sign. */
export function formatChange(change: number): string {
  if (change === 0) return '±0';
  return `${change > 0 ? '+' : '−'}${formatCount(Math.abs(change))}`;
}

export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}${THIN}ms`;
  if (ms < 59_950) return `${decimal.format(ms / 1000)}${THIN}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${THIN}min ${seconds % 60}${THIN}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${decimal.format(bytes / 1e3)}${THIN}kB`;
  return `${decimal.format(bytes / 1e6)}${THIN}MB`;
}

/** An instant as `2026-11-20 23:00 UTC`. */
export function formatInstant(instant: string): string {
  return `${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC`;
}
