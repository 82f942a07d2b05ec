import { readFileSync, writeFileSync } from 'node:fs';
import { firstLine } from '../jobs/runtime/errors.ts';
import { applyPins, DOCKERFILE, findPinProblems, readPinnedTexts } from '../lib/pin-uses.ts';
import { PINS_FILE, readPins } from '../lib/pins.ts';
import { resolvePins } from '../lib/resolve-pins.ts';

/*
 * Writes today's digest or commit of every tag into the pin file and into the files that use it. Nothing is written
 * unless all of them are known and fit.
 */

const environment = process.env;

try {
  const pins = await resolvePins(readPins('.'), {
    docker: environment['CDK_DOCKER'] || 'docker',
    environment,
  });
  const texts = applyPins(pins, readPinnedTexts('.'));
  const [problem] = findPinProblems(pins, texts);
  if (problem !== undefined) throw new Error(problem);
  const written = {
    [PINS_FILE]: `${JSON.stringify(pins, null, 2)}\n`,
    [DOCKERFILE]: texts.dockerfile,
    ...texts.workflows,
  };
  const changed = Object.entries(written).filter(([file, text]) => readFileSync(file, 'utf8') !== text);
  for (const [file, text] of changed) writeFileSync(file, text);
  const names = changed.map(([file]) => file).join(', ');
  process.stdout.write(
    names === '' ? 'pin: everything is up to date\n' : `pin: changed ${names}; commit them\n`,
  );
} catch (error) {
  process.stderr.write(`pin: ${firstLine(error)}\n`);
  process.exitCode = 1;
}
