import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { firstLine } from '../jobs/runtime/errors.ts';
import { COMMIT, DIGEST, type Pins } from './pins.ts';

const run = promisify(execFile);

/** A registry that says nothing for this long is not going to. */
const TIMEOUT_MS = 60_000;

const NOTE =
  'written by `npm run pin`: run it again for newer digests of the same tags, and commit the result';

/** How to reach registries and GitHub. */
interface Tools {
  /** Program with buildx; a daemon is not needed. */
  readonly docker: string;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * Asks registries and GitHub what every tag of the pin file stands for now. Throws one Error that names all that could
 * not be resolved.
 */
export async function resolvePins({ images, actions }: Pins, { docker, environment }: Tools): Promise<Pins> {
  await requireBuildx(docker, environment);
  const resolvers = [
    ...Object.keys(images).map((name) => ({ name, resolve: () => resolveImage(name, docker, environment) })),
    ...Object.keys(actions).map((name) => ({ name, resolve: () => resolveAction(name, environment) })),
  ];
  const outcomes = await Promise.allSettled(resolvers.map(({ resolve }) => resolve()));
  const resolved = new Map<string, string>();
  const failed: string[] = [];
  for (const [index, { name }] of resolvers.entries()) {
    const outcome = outcomes[index]!;
    if (outcome.status === 'fulfilled') resolved.set(name, outcome.value);
    else failed.push(`${name} (${reasonOf(outcome.reason)})`);
  }
  if (failed.length > 0) throw new Error(`could not resolve ${failed.join(', ')}`);
  const pick = (pins: object): Record<string, string> =>
    Object.fromEntries(Object.keys(pins).map((name) => [name, resolved.get(name)!]));
  return { note: NOTE, images: pick(images), actions: pick(actions) };
}

/** Without it, docker complains of an option that it does not know. */
async function requireBuildx(docker: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run(docker, ['buildx', 'version'], { timeout: TIMEOUT_MS, env });
  } catch (error) {
    throw new Error(`no docker with buildx (${reasonOf(error)}); install it, or name it in CDK_DOCKER`, {
      cause: error,
    });
  }
}

/** The digest of an image's index: that of one platform would leave the other one without an image. */
async function resolveImage(name: string, docker: string, env: NodeJS.ProcessEnv): Promise<string> {
  const args = ['buildx', 'imagetools', 'inspect', name, '--format', '{{json .Manifest}}'];
  const { stdout } = await run(docker, args, { timeout: TIMEOUT_MS, env });
  const { mediaType, digest } = parseManifest(stdout);
  if (!/\.(image\.index|manifest\.list)\./.test(String(mediaType))) {
    throw new Error(`${mediaType} is not an index of platforms`);
  }
  return matching(DIGEST, digest);
}

function parseManifest(text: string): { readonly mediaType?: unknown; readonly digest?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch (error) {
    throw new Error(`docker answered "${firstLine(text)}", not a manifest`, { cause: error });
  }
}

/** The commit of an action's tag. An annotated tag is an object of its own, whose commit git lists with ^{}. */
async function resolveAction(name: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const [path, tag] = name.split('@');
  const url = `https://github.com/${path!.split('/').slice(0, 2).join('/')}`;
  const ref = `refs/tags/${tag}`;
  const { stdout } = await run('git', ['ls-remote', url, ref, `${ref}^{}`], {
    timeout: TIMEOUT_MS,
    // GitHub asks for a password where there is no such repository.
    env: { ...environment, GIT_TERMINAL_PROMPT: '0' },
  });
  const found = new Map(stdout.split('\n').map((line) => line.split('\t').toReversed() as [string, string]));
  const commit = found.get(`${ref}^{}`) ?? found.get(ref);
  if (commit === undefined) throw new Error('no such tag');
  return matching(COMMIT, commit);
}

function matching(pattern: RegExp, value: unknown): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw new Error(`the answer was "${value}"`);
  return value;
}

/** What a program said before it failed, on one line; Node's own message only repeats the command. */
function reasonOf(thrown: unknown): string {
  const { killed, stderr } = Object(thrown) as { readonly killed?: boolean; readonly stderr?: string };
  if (killed) return `no answer within ${TIMEOUT_MS / 1000} seconds`;
  return firstLine(stderr?.trim() || thrown);
}
