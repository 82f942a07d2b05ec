import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECK_IMAGE, COMMIT, PINS_FILE, pinnedImage, type Pins } from './pins.ts';

/** One mention of an image or action, in a file or in what lib/pins.ts gives. */
interface Use {
  readonly where: string;
  /** As the pin file has it: `NAME:TAG`, `OWNER/REPOSITORY@TAG`. */
  readonly name: string;
  /** Digest or commit; null where there is only a tag. */
  readonly pin: string | null;
}

/** The texts that name images and actions; workflows by their path. */
interface PinnedTexts {
  readonly dockerfile: string;
  readonly workflows: Readonly<Record<string, string>>;
}

export const DOCKERFILE = 'docker/Dockerfile';
const WORKFLOWS = '.github/workflows';

/** `NAME:TAG`, pinned or not, after a blank or as a value. */
const IMAGE_MENTION = /(?<=[\s=])([\w./:-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?(?=[\s,]|$)/g;
/** Start of the line, action, and the rest of the line. */
const USES = /^([^#\n]*\buses:[ \t]*)(\S+)(.*)$/gm;
const RUNS_IN = /^[^#\n]*\b(?:container|image):[ \t]*(\S+)/gm;
const COMMENT = /^\s*#(?!\s*syntax=)/;

export function readPinnedTexts(root: string): PinnedTexts {
  const read = (file: string): string => readFileSync(join(root, file), 'utf8');
  const workflows = readdirSync(join(root, WORKFLOWS))
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => join(WORKFLOWS, file));
  return {
    dockerfile: read(DOCKERFILE),
    workflows: Object.fromEntries(workflows.map((file) => [file, read(file)])),
  };
}

/**
 * Every way in which the pin file and those who use it disagree, a line each; none when all is well. An empty file wants
 * tags only, a filled one its digests and commits everywhere; a file that is filled in part is refused.
 */
export function findPinProblems(pins: Pins, { dockerfile, workflows }: PinnedTexts): string[] {
  const files = Object.entries(workflows);
  const images = [
    ...imagesOf(dockerfile),
    ...files.flatMap(([file, text]) => matches(text, RUNS_IN).map((image) => imageUse(file, image))),
    imageUse('the check step', givenImage(pins)),
  ];
  const actions = files.flatMap(([file, text]) => actionsOf(file, text));
  return [
    ...findUnfilled({ ...pins.images, ...pins.actions }),
    ...compare(pins.images, images),
    ...compare(pins.actions, actions),
  ];
}

/** The texts with every digest and commit of the pin file. */
export function applyPins(pins: Pins, { dockerfile, workflows }: PinnedTexts): PinnedTexts {
  const pinImage = (mention: string, name: string): string =>
    pins.images[name] ? pinnedImage(name, pins) : mention;
  const pinImages = (text: string): string =>
    text
      .split('\n')
      .map((line) => (COMMENT.test(line) ? line : line.replaceAll(IMAGE_MENTION, pinImage)))
      .join('\n');
  const pinAction = (line: string, start: string, ref: string, rest: string): string => {
    const { name, pin } = actionUse('', ref, rest);
    const commit = pins.actions[name];
    if (!commit || !/^\s*(#|$)/.test(rest)) return line;
    const comment = pin === null ? ` # ${afterAt(name)}${rest.replace(/\s*#?/, '')}` : rest;
    return `${start}${beforeAt(name)}@${commit}${comment}`;
  };
  return {
    dockerfile: pinImages(dockerfile),
    workflows: Object.fromEntries(
      Object.entries(workflows).map(([file, text]) => [file, pinImages(text).replaceAll(USES, pinAction)]),
    ),
  };
}

/** Images that are downloaded: bases, and whatever else is copied or mounted from, but no stage of the file itself. */
function imagesOf(dockerfile: string): Use[] {
  const lines = dockerfile.split('\n').filter((line) => !COMMENT.test(line));
  const text = lines.join('\n').replaceAll('\\\n', ' ');
  const stages = new Set(matches(text, /^FROM\s.*\sAS\s+(\S+)/gim));
  const bases = matches(text, /^FROM\s+(?:--\S+\s+)*(\S+)/gim);
  const variables = new Set(bases.flatMap((base) => /^\$\{?(\w+)\}?$/.exec(base)?.[1] ?? []));
  const defaults = [...text.matchAll(/^ARG\s+(\w+)=(\S+)/gim)].flatMap(([, variable, value]) =>
    variables.has(variable!) ? [value!] : [],
  );
  const others = matches(text, /(?:\s--from=|--mount=\S*\bfrom=|^#\s*syntax=)([^\s,]+)/gim);
  return [...defaults, ...bases.filter((base) => !base.startsWith('$')), ...others]
    .filter((image) => !stages.has(image))
    .map((image) => imageUse(DOCKERFILE, image));
}

function actionsOf(file: string, workflow: string): Use[] {
  return [...workflow.matchAll(USES)].map(([, , ref, rest]) => actionUse(file, ref!, rest!));
}

function imageUse(where: string, image: string): Use {
  const [name, pin = null] = image.split('@');
  return { where, name: name!, pin };
}

/** `OWNER/REPOSITORY@COMMIT # TAG`, or `OWNER/REPOSITORY@TAG`; `rest` is what follows it on its line. */
function actionUse(where: string, ref: string, rest: string): Use {
  const tag = /^\s+#\s*(\S+)/.exec(rest)?.[1];
  if (tag === undefined || !COMMIT.test(afterAt(ref))) return { where, name: ref, pin: null };
  return { where, name: `${beforeAt(ref)}@${tag}`, pin: afterAt(ref) };
}

/** What the pipeline gets; the bare name where the file does not have it, which is then told as of any other. */
function givenImage(pins: Pins): string {
  return CHECK_IMAGE in pins.images ? pinnedImage(CHECK_IMAGE, pins) : CHECK_IMAGE;
}

function findUnfilled(all: Readonly<Record<string, string | null>>): string[] {
  const empty = Object.keys(all).filter((name) => all[name] === null);
  const isPartial = empty.length > 0 && empty.length < Object.keys(all).length;
  return isPartial ? empty.map((name) => `${PINS_FILE} has nothing for ${name}; run npm run pin`) : [];
}

function compare(pins: Readonly<Record<string, string | null>>, uses: readonly Use[]): string[] {
  const used = new Set(uses.map(({ name }) => name));
  const unused = Object.keys(pins).filter((name) => !used.has(name));
  return [
    ...uses.flatMap(({ where, name, pin }) => {
      const wanted = pins[name];
      if (wanted === undefined) return [`${where} takes ${name}, which is not in ${PINS_FILE}`];
      if (wanted === pin) return [];
      return [`${where} takes ${name} at ${pin ?? 'its floating tag'}, not at ${wanted ?? 'its tag'}`];
    }),
    ...unused.map((name) => `${PINS_FILE} has ${name}, which nothing takes`),
  ];
}

/** What the first group of a pattern finds, each time. */
function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found]) => found!);
}

function beforeAt(ref: string): string {
  return ref.split('@')[0]!;
}

function afterAt(ref: string): string {
  return ref.split('@')[1] ?? '';
}
