import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { Size } from 'aws-cdk-lib';
import { FUNCTION_NAMES } from '../../jobs/statistics/function-names.ts';
import { createUniverse } from '../../lib/config.ts';
import { readSettings } from '../../lib/settings.ts';
import { repository } from '../support/folders.ts';
import {
  exampleContext,
  exampleSettings,
  resourcesOf,
  synthesizePipeline,
  synthesizeStage,
} from './stages.ts';
import type { Resource } from './stages.ts';

/* What CloudFormation may do while it deploys has to cover every template, and little else. */

interface Statement {
  readonly Sid: string;
  readonly Action: string | string[];
  readonly Resource: string;
  readonly Condition?: { readonly StringEquals: Record<string, string[]> };
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

const readPolicy = (name: string): Statement[] =>
  JSON.parse(readFileSync(join(repository, `lib/bootstrap/${name}-policy.json`), 'utf8')).Statement;

/** Everything that a stage can have. */
function stageResources(): Record<string, Resource> {
  const { config: _config, ...templates } = synthesizeStage('prod', (config) => ({
    ...config,
    statistics: FUNCTION_NAMES,
    trading: { storage: Size.gibibytes(1), ecpuPerSecond: 1000 },
    universe: createUniverse('numerai-key'),
    smoke: { releasedFrom: '333333333333' },
  }));
  return Object.assign({}, ...Object.values(templates).map(resourcesOf));
}

/** Both kinds of sources. */
function pipelineResources(): Record<string, Resource> {
  const source = { kind: 'codecommit', repository: 'signals' };
  const pipeline = { ...exampleContext.pipeline, source };
  const codecommit = readSettings({ ...exampleContext, pipeline }, {});
  return Object.assign(
    {},
    ...[exampleSettings, codecommit].map((settings) => resourcesOf(synthesizePipeline(settings))),
  );
}

describe.each([
  ['stage', stageResources],
  ['pipeline', pipelineResources],
] as const)('the policy to deploy a %s', (name, synthesize) => {
  const statements = readPolicy(name);
  const actions = statements.flatMap(({ Action }) => list(Action));
  let resources: Record<string, Resource>;
  beforeAll(() => {
    resources = synthesize();
  });

  test('covers the service of every resource', () => {
    const prefixes = new Set(actions.map((action) => action.split(':')[0]));
    const types = new Set(Object.values(resources).map(({ Type }) => Type));
    // IAM's name for a service is CloudFormation's in lower case, for all but one.
    const named = (type: string): string =>
      type
        .split('::')[1]!
        .toLowerCase()
        .replace(/^codestar(?=notifications)/, 'codestar-');
    const missing = [...types].filter((type) => !prefixes.has(named(type)));
    expect(missing).toEqual([]);
  });

  test('passes roles to exactly the services that take them on', () => {
    const principals = Object.values(resources)
      .filter(({ Type }) => Type === 'AWS::IAM::Role')
      .flatMap(({ Properties }) => Properties['AssumeRolePolicyDocument'].Statement)
      .map(({ Principal }) => Principal.Service)
      .filter((service) => service !== undefined);
    const passing = statements.find(({ Sid }) => Sid === 'PassOwnRoles')!;
    expect(passing.Condition!.StringEquals['iam:PassedToService']).toEqual(
      [...new Set(principals)].toSorted(),
    );
  });

  test('never allows everything, and changes only what bears the prefix in IAM and S3', () => {
    expect(actions.filter((action) => !/^[a-z0-9-]+:(\*|[A-Za-z]+)$/.test(action))).toEqual([]);
    expect(actions).not.toContain('iam:*');
    for (const { Action, Resource } of statements) {
      if (!list(Action).some((action) => /^(iam:|s3:(?!Get|List))/.test(action))) continue;
      expect(Resource).toMatch(
        /^arn:aws:(iam::\*:(role|policy)\/signals-\*|iam::\*:role\/aws-service-role\/\*|s3:::signals-\*)$/,
      );
    }
  });

  test('fits into a managed policy', () => {
    expect(JSON.stringify({ Version: '2012-10-17', Statement: statements }).length).toBeLessThan(6144);
  });
});

test('policies that templates name begin with the prefix, and the only secret is the password of the trading state', () => {
  const resources = Object.entries(stageResources());
  const named = resources.flatMap(([, { Properties = {} }]) =>
    ['RoleName', 'ManagedPolicyName', 'BucketName'].flatMap((key) => Properties[key] ?? []),
  );
  expect(named).toEqual(['signals-objects-default', 'signals-statistics-caller', 'signals-smoke-eu-west-1']);
  // Without a name of its own a secret is called after its logical id.
  const secrets = resources.filter(([, { Type }]) => Type === 'AWS::SecretsManager::Secret');
  expect(secrets.map(([id]) => id)).toEqual([expect.stringMatching(/^TradingPassword/)]);
});
