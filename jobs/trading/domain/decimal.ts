/** An exact decimal number: `units` divided by 10 to the power of `scale`. */
export interface Decimal {
  readonly units: bigint;
  /** Digits after the point, 0 or more. */
  readonly scale: number;
}

/** Digits after the point of quotients that do not end: averages, returns, inverse profits. */
const QUOTIENT_SCALE = 18;

export const ZERO: Decimal = { units: 0n, scale: 0 };

const PATTERN = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;
const POWERS: bigint[] = Array.from({ length: 64 }, (_, exponent) => 10n ** BigInt(exponent));

function power(exponent: number): bigint {
  return POWERS[exponent] ?? 10n ** BigInt(exponent);
}

/** Reads `-12.50`, also `1E-8`. Keeps trailing zeros as scale. Throws RangeError for anything else. */
export function decimal(text: string): Decimal {
  const match = PATTERN.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a decimal number`);
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const digits = BigInt(`${whole}${fraction}`);
  const units = sign === '-' ? -digits : digits;
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { units, scale } : { units: units * power(-scale), scale: 0 };
}

/** Plain notation with all digits of the scale, without an exponent. */
export function formatDecimal({ units, scale }: Decimal): string {
  if (scale === 0) return units.toString();
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

export function add(a: Decimal, b: Decimal): Decimal {
  if (a.scale === b.scale) return { units: a.units + b.units, scale: a.scale };
  return a.scale > b.scale
    ? { units: a.units + b.units * power(a.scale - b.scale), scale: a.scale }
    : { units: a.units * power(b.scale - a.scale) + b.units, scale: b.scale };
}

export function negate({ units, scale }: Decimal): Decimal {
  return { units: -units, scale };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, negate(b));
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { units: a.units * b.units, scale: a.scale + b.scale };
}

/** a / b with QUOTIENT_SCALE digits, half to even, without trailing zeros. Throws RangeError when b is 0. */
export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.units === 0n) throw new RangeError(`${formatDecimal(a)} cannot be divided by zero`);
  const shift = QUOTIENT_SCALE + b.scale - a.scale;
  const [numerator, denominator] =
    shift >= 0 ? [a.units * power(shift), b.units] : [a.units, b.units * power(-shift)];
  return trim({ units: divideHalfEven(numerator, denominator), scale: QUOTIENT_SCALE });
}

function divideHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  const twice = 2n * (rest < 0n ? -rest : rest);
  const size = denominator < 0n ? -denominator : denominator;
  if (twice < size || (twice === size && quotient % 2n === 0n)) return quotient;
  return numerator < 0n === denominator < 0n ? quotient + 1n : quotient - 1n;
}

/** The nearest number with `scale` digits after the point, half to even. */
export function round(value: Decimal, scale: number): Decimal {
  if (value.scale <= scale) return { units: value.units * power(scale - value.scale), scale };
  return { units: divideHalfEven(value.units, power(value.scale - scale)), scale };
}

/** The same number with as few digits after the point as it needs. */
export function trim({ units, scale }: Decimal): Decimal {
  let rest = units;
  let digits = scale;
  while (digits > 0 && rest % 10n === 0n) {
    rest /= 10n;
    digits -= 1;
  }
  return { units: rest, scale: digits };
}

/** Negative, zero or positive as a is less than, equal to or greater than b. */
export function compare(a: Decimal, b: Decimal): number {
  const { units } = subtract(a, b);
  return units < 0n ? -1 : units > 0n ? 1 : 0;
}

export function abs(value: Decimal): Decimal {
  return value.units < 0n ? negate(value) : value;
}

/** The larger of a and b; a when they are equal. */
export function max(a: Decimal, b: Decimal): Decimal {
  return compare(a, b) >= 0 ? a : b;
}
