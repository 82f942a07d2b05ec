const DAY_MS = 86_400_000;

/** Tag of an object in S3 that expires: a number of days in which it has done so. */
export const TTL_TAG = 'ttl-days';

/**
 * Days that the tag may have. What has expired is hidden by whoever reads; the bucket's lifecycle, which knows days and
 * has a rule for each of these, takes it away some time later.
 */
export const TTL_DAYS = [1, 7, 30, 90, 365] as const;

/** The least of them that is not shorter; undefined for what lives longer than all, and stays. */
export function ttlDays(ttlMs: number): (typeof TTL_DAYS)[number] | undefined {
  return TTL_DAYS.find((days) => ttlMs <= days * DAY_MS);
}
