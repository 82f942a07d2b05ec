import { Validations, type App } from 'aws-cdk-lib';
import { Compliance } from './compliance.ts';
import { assertDistinct, assertReleasable, createStages } from './config.ts';
import type { KeptStack } from './kept-stacks.ts';
import { PipelineStack } from './pipeline-stack.ts';
import type { Settings } from './settings.ts';
import { SignalsStage } from './signals-stage.ts';

/**
 * What the app consists of: dev always, prod once its account is known, and the pipeline, which deploys both, once
 * its source is. An unacknowledged finding of cdk-nag fails the synthesis.
 *
 * @param protect the stacks to declare protected, for the CDK's command line; see SignalsStage
 */
export function createApp(app: App, settings: Settings, protect: readonly KeptStack[] = []): void {
  Validations.of(app).addPlugins(new Compliance());
  const stages = createStages(settings);
  assertDistinct(stages);
  if (settings.pipeline !== undefined) assertReleasable(stages);
  const dev = new SignalsStage(app, 'dev', { config: stages.dev, protect });
  if (stages.prod.account === undefined) return;
  const prod = new SignalsStage(app, 'prod', { config: stages.prod, protect });
  if (settings.pipeline === undefined) return;
  new PipelineStack(app, 'Pipeline', { settings: settings.pipeline, stages: { dev, prod } });
}
