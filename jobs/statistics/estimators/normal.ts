import { compiled, ndtr, ndtri } from 'cephes';

// The functions are WebAssembly, which has to be made ready once.
await compiled;

/** Cumulative distribution of the standard normal, to about 1e-15 relative also in the tails. */
export function normalCdf(z: number): number {
  return ndtr(z);
}

/** Inverse of `normalCdf`, for 0 < p < 1. */
export function normalQuantile(p: number): number {
  return ndtri(p);
}

/** Density of the standard normal. */
export function normalPdf(z: number): number {
  return Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);
}

/** Density of the standard bivariate normal with correlation `rho`, which is also d/drho of its distribution. */
export function bivariateNormalPdf(h: number, k: number, rho: number): number {
  const rest = 1 - rho * rho;
  return Math.exp(-(h * h - 2 * rho * h * k + k * k) / (2 * rest)) / (2 * Math.PI * Math.sqrt(rest));
}

/**
 * P(X <= h, Y <= k) for standard normals with correlation `rho`, -1 < rho < 1: Plackett's formula
 * cdf(h) cdf(k) + 1/(2 pi) * integral from 0 to asin(rho) of exp(-(h^2 + k^2 - 2 h k sin t) / (2 cos^2 t)) dt
 * (Plackett 1954, Biometrika 41; in this form Drezner and Wesolowsky 1990), by Gauss-Legendre on panels that halve
 * towards pi/2, where the integrand is steep.
 */
export function bivariateNormalCdf(h: number, k: number, rho: number): number {
  const sign = Math.sign(rho);
  const end = Math.asin(Math.abs(rho));
  let integral = 0;
  for (let from = 0; from < end;) {
    const to = Math.min(end, (from + Math.PI / 2) / 2);
    const half = (to - from) / 2;
    for (const { node, weight } of LEGENDRE) {
      const angle = from + half * (1 + node);
      const cosine = Math.cos(angle);
      const exponent = (h * h + k * k - 2 * h * k * sign * Math.sin(angle)) / (2 * cosine * cosine);
      integral += half * weight * Math.exp(-exponent);
    }
    from = to;
  }
  return ndtr(h) * ndtr(k) + (sign * integral) / (2 * Math.PI);
}

const LEGENDRE = gaussLegendre(20);

/** Nodes and weights on [-1, 1], by Newton's method on the Legendre polynomial. */
function gaussLegendre(order: number): readonly { readonly node: number; readonly weight: number }[] {
  return Array.from({ length: order }, (_, index) => {
    let node = Math.cos((Math.PI * (index + 0.75)) / (order + 0.5));
    let slope = 0;
    for (let step = 0; step < 8; step += 1) {
      let [previous, value] = [1, node];
      for (let degree = 2; degree <= order; degree += 1) {
        [previous, value] = [value, ((2 * degree - 1) * node * value - (degree - 1) * previous) / degree];
      }
      slope = (order * (node * value - previous)) / (node * node - 1);
      node -= value / slope;
    }
    return { node, weight: 2 / ((1 - node * node) * slope * slope) };
  });
}
