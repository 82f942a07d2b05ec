import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../jobs/runtime/package-root.ts';

/** Every base image and GitHub action that a release downloads; `npm run pin` writes it. */
export const PINS_FILE = 'docker/pins.json';

/** Image of the pipeline's check step, which no Dockerfile names. */
export const CHECK_IMAGE = 'public.ecr.aws/docker/library/node:24-bookworm';

/** An image's digest, that of its multi-platform index. */
export const DIGEST = /^sha256:[0-9a-f]{64}$/;
export const COMMIT = /^[0-9a-f]{40}$/;

// Names reach the command lines of docker and git: none may look like an option.
const IMAGE = /^[a-z0-9][\w./:-]*:\w[\w.-]*$/;
const ACTION = /^\w[\w-]*\/\w[\w.-]*(\/[\w./-]+)?@\w[\w./-]*$/;

const schema = z.strictObject({
  /** Tells whoever opens the file what to do with it. */
  note: z.string(),
  /** `NAME:TAG` -> digest; null as long as the file is not filled. */
  images: z.record(
    z.string().regex(IMAGE, 'not NAME:TAG of an image'),
    z.string().regex(DIGEST, 'not sha256: and 64 hex digits').nullable(),
  ),
  /** `OWNER/REPOSITORY@TAG` -> commit; null as long as the file is not filled. */
  actions: z.record(
    z.string().regex(ACTION, 'not OWNER/REPOSITORY@TAG of an action'),
    z.string().regex(COMMIT, 'not the 40 hex digits of a commit').nullable(),
  ),
});

export type Pins = z.infer<typeof schema>;

/** Reads the pin file below `root`. Throws an Error of one line that names the wrong value. */
export function readPins(root = packageRoot): Pins {
  const parsed = schema.safeParse(JSON.parse(readFileSync(join(root, PINS_FILE), 'utf8')));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const { message } = issue.code === 'invalid_key' ? issue.issues[0]! : issue;
  throw new Error(`${PINS_FILE}, ${issue.path.join(' ')}: ${message}`);
}

/**
 * `NAME:TAG@sha256:...` of an image in the pin file, or `NAME:TAG` as long as it has no digest. Throws when the file
 * does not list the image.
 */
export function pinnedImage(name: string, { images }: Pins = readPins()): string {
  const digest = images[name];
  if (digest === undefined) {
    throw new Error(`image "${name}" is not in ${PINS_FILE}; add it with null and run npm run pin`);
  }
  return digest === null ? name : `${name}@${digest}`;
}
