import { Argument, Command } from 'commander';
import { firstLine } from '../jobs/runtime/errors.ts';
import { preflight } from '../lib/preflight.ts';
import type { Target } from '../lib/preflight/target.ts';
import { readSettingsFile, type Settings } from '../lib/settings.ts';

/* Looks whether deploy.sh can begin, and tells it where to: problems on stderr, `name=value` lines on stdout. */

const [target] = new Command('preflight')
  .addArgument(new Argument('<target>').choices(['dev', 'prod', 'pipeline']))
  .parse().processedArgs as [Target];

try {
  const { problems, notes, place } = await preflight(
    target,
    settingsOf(target),
    process.env['AWS_PROFILE'] || undefined,
  );
  for (const note of notes) process.stderr.write(`deploy.sh: note: ${note}\n`);
  for (const problem of problems) process.stderr.write(`deploy.sh: ${problem}\n`);
  if (place === undefined) process.exitCode = 2;
  else {
    const { account, region, profile = '', branch = '', finished } = place;
    process.stdout.write(
      `account=${account}\nregion=${region}\nprofile=${profile}\nbranch=${branch}\nprotect=${finished.join(',')}\n`,
    );
  }
} catch (error) {
  process.stderr.write(`deploy.sh: ${firstLine(error)}\n`);
  process.exitCode = 2;
}

/** The pipeline has what is committed; what the environment of a person adds is not there. */
function settingsOf(what: Target): Settings {
  return readSettingsFile(what === 'pipeline' ? {} : process.env);
}
