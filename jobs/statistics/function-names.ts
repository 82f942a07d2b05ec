/** What can be asked for, by name: of the command line, of a Lambda each, and of the one that routes. */
export const FUNCTION_NAMES = [
  'profile',
  'correlation',
  'optimize',
  'frontier',
  'var',
  'cvar',
  'moving-averages',
  'returns',
  'ddm',
  'interest',
  'yield-curve',
] as const;

export type FunctionName = (typeof FUNCTION_NAMES)[number];

/** Handlers of the bundle in dist/lambda/statistics, as Lambda wants them named. */
export const ROUTER_HANDLER = 'index.router';

export function handlerOf(name: FunctionName): string {
  return `index.handlers.${name}`;
}
