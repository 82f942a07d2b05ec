import type { Settings } from '../settings.ts';
import type { Target } from './target.ts';

/** What cdk.json has to say before a deployment, a line for each thing that is missing. */
export function missingSettings(target: Target, settings: Settings): string[] {
  const problems: string[] = [];
  for (const stage of target === 'pipeline' ? (['dev', 'prod'] as const) : [target]) {
    if (settings[stage].alertEmails.length === 0) {
      const orVariable = target === 'pipeline' ? '' : ', or SIGNALS_ALERT_EMAIL';
      problems.push(
        `no address for alerts of ${stage}: set signals.${stage}.alertEmails in cdk.json${orVariable}`,
      );
    }
    if (settings[stage].account === undefined && (stage === 'prod' || target === 'pipeline')) {
      problems.push(`no account for ${stage}: set signals.${stage}.account in cdk.json`);
    }
  }
  if (target === 'pipeline' && settings.pipeline === undefined) {
    problems.push('no pipeline: set signals.pipeline in cdk.json, or use --direct');
  }
  return problems;
}
