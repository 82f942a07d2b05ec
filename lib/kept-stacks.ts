/** The stacks of a stage that hold data, as parts of the names in `Names`. Everything else can be made anew. */
export const KEPT_STACKS = ['lake', 'cache'] as const;

export type KeptStack = (typeof KEPT_STACKS)[number];

/**
 * Reads the context `protect`: the stacks to declare protected, with commas between them; none when it is not given.
 * Throws an Error of one line that names what is not a kept stack.
 */
export function readProtected(context: unknown): KeptStack[] {
  if (context === undefined || context === '') return [];
  return String(context)
    .split(',')
    .map((given) => {
      const known = KEPT_STACKS.find((stack) => stack === given);
      if (known === undefined) {
        throw new Error(`--context protect: "${given}" is not one of ${KEPT_STACKS.join(', ')}`);
      }
      return known;
    });
}
