/** What a look-up found; both empty when nothing speaks against a deployment. */
export interface Findings {
  /** What has to be put right before anything is changed, a line each, with what to do. */
  readonly problems: readonly string[];
  /** What could not be looked at, a line each. */
  readonly notes: readonly string[];
}

export const NOTHING: Findings = { problems: [], notes: [] };

/** All findings in one, in their order. */
export function joinFindings(findings: readonly Findings[]): Findings {
  return {
    problems: findings.flatMap(({ problems }) => problems),
    notes: findings.flatMap(({ notes }) => notes),
  };
}
