import type { LoadManifest } from '../loader/outcome.ts';

/** A run of fewer tickers than this share of the largest is somebody's look at a few names. */
const WHOLE_SHARE = 0.5;

/**
 * The runs that say how loading goes: of a sharded load the merged manifest instead of its parts, and no runs of a few
 * names. Pure.
 *
 * @param manifests newest first, as are those returned
 */
export function selectRuns(manifests: readonly LoadManifest[]): LoadManifest[] {
  const merged = new Set(
    manifests.flatMap((manifest) => (manifest.arguments['mergedRuns'] ?? []) as string[]),
  );
  const most = Math.max(0, ...manifests.map(({ counts }) => counts.total));
  return manifests.filter(({ runId, counts }) => !merged.has(runId) && counts.total >= WHOLE_SHARE * most);
}
