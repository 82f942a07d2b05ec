import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Validations, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../../lib/app.ts';
import { Compliance } from '../../lib/compliance.ts';
import { createStages, type StageConfig } from '../../lib/config.ts';
import { readSettings, type Settings } from '../../lib/settings.ts';
import { SignalsStage } from '../../lib/signals-stage.ts';
import { repository, temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

/** Who and where, as a user would write it into cdk.json. */
export const exampleContext = {
  dev: { account: '111111111111', region: 'eu-west-1', alertEmails: ['dev@example.org'] },
  prod: {
    account: '222222222222',
    region: 'eu-west-1',
    alertEmails: ['ops@example.org', 'second@example.org'],
    budget: 20,
  },
  pipeline: {
    account: '333333333333',
    region: 'eu-west-1',
    source: {
      kind: 'connection',
      repository: 'someone/signals',
      connectionArn: 'arn:aws:codeconnections:eu-west-1:333333333333:connection/abc',
    },
  },
};
export const exampleSettings = readSettings(exampleContext, {});

/** The context of cdk.json: feature flags. */
export function cdkContext(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(repository, 'cdk.json'), 'utf8')).context as Record<string, unknown>;
}

/**
 * An app as bin/signals.ts makes it, with the rules of cdk-nag: a template of it throws on any finding that nobody
 * took note of. Functions are not bundled, and the CDK's own look at the templates, which takes ten seconds and half a
 * gigabyte a stage, is left to the tests that run bin/signals.ts itself.
 */
export function createTestApp(): App {
  const outdir = mkdtempSync(join(folder, 'cdk.out-'));
  const context = { ...cdkContext(), 'aws:cdk:bundling-stacks': [] };
  const app = new App({ outdir, context, builtinCloudFormationValidation: false });
  Validations.of(app).addPlugins(new Compliance());
  return app;
}

export interface StageTemplates {
  readonly config: StageConfig;
  readonly lake: Template;
  readonly cache: Template;
  readonly network: Template;
  readonly jobs: Template;
}

/** Synthesizes one stage, which takes seconds: once for a test file. */
export function synthesizeStage(
  name: 'dev' | 'prod',
  change?: (config: StageConfig) => StageConfig,
): StageTemplates {
  const given = createStages(exampleSettings)[name];
  const config = change === undefined ? given : change(given);
  const stage = new SignalsStage(createTestApp(), name, { config });
  const template = (id: string): Template => Template.fromStack(stage.node.findChild(id) as Stack);
  return {
    config,
    lake: template('Lake'),
    cache: template('Cache'),
    network: template('Network'),
    jobs: template('Jobs'),
  };
}

/** The stack of the pipeline, of an app with both stages. */
export function synthesizePipeline(settings: Settings): Template {
  const app = createTestApp();
  createApp(app, settings);
  return Template.fromStack(app.node.findChild('Pipeline') as Stack);
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, any>;
  readonly [attribute: string]: any;
}

/** Resources of a template by logical id. */
export function resourcesOf(template: Template): Record<string, Resource> {
  return template.toJSON()['Resources'] as Record<string, Resource>;
}
