import { beforeAll, describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { createStages } from '../../lib/config.ts';
import { readSettings } from '../../lib/settings.ts';
import { flatten } from './flatten.ts';
import { exampleContext, exampleSettings, resourcesOf, synthesizeStage } from './stages.ts';

const settingsWith = (numeraiKeySecret: string): ReturnType<typeof readSettings> =>
  readSettings({ ...exampleContext, prod: { ...exampleContext.prod, numeraiKeySecret } }, {});

describe('a stage with a secret that has the key of Numerai', () => {
  let jobs: Template;
  beforeAll(() => {
    const { universe } = createStages(settingsWith('signals/numerai')).prod;
    jobs = synthesizeStage('prod', (config) => ({ ...config, universe })).jobs;
  });

  test('refreshes the universe of the lake every day, an hour before the load', () => {
    jobs.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'signals-universe',
      ScheduleExpression: 'cron(0 22 * * ? *)',
      ScheduleExpressionTimezone: 'Etc/UTC',
    });
    jobs.hasResourceProperties('AWS::Scheduler::Schedule', {
      Name: 'signals-load',
      ScheduleExpression: 'cron(0 23 * * ? *)',
    });
  });

  test('gives the task the lake and the key, whose value is not in the template', () => {
    jobs.hasResourceProperties('AWS::ECS::TaskDefinition', {
      Family: 'signals-universe',
      ContainerDefinitions: [
        Match.objectLike({
          Command: ['universe', 'refresh'],
          ReadonlyRootFilesystem: true,
          Environment: Match.arrayWith([Match.objectLike({ Name: 'SIGNALS_LAKE' })]),
          Secrets: [{ Name: 'NUMERAI_API_KEY', ValueFrom: Match.anyValue() }],
        }),
      ],
    });
  });

  test('lets the start of the task read that secret alone', () => {
    const reading = Object.values(resourcesOf(jobs))
      .filter(({ Type }) => Type === 'AWS::IAM::Policy')
      .flatMap(({ Properties }) => Properties['PolicyDocument'].Statement)
      .filter(({ Action }) => [Action].flat().some((action: string) => action.startsWith('secretsmanager:')));
    expect(reading).toHaveLength(1);
    expect([reading[0].Action].flat().toSorted()).toEqual([
      'secretsmanager:DescribeSecret',
      'secretsmanager:GetSecretValue',
    ]);
    expect(flatten(reading[0].Resource)).toBe(
      'arn:aws:secretsmanager:eu-west-1:222222222222:secret:signals/numerai-??????',
    );
  });

  test('sends its error lines to whoever is told of failures', () => {
    const logs = Object.entries(resourcesOf(jobs)).filter(
      ([, { Type, Properties }]) =>
        Type === 'AWS::Logs::LogGroup' && Properties['LogGroupName'] === 'signals-universe',
    );
    expect(logs).toHaveLength(1);
    jobs.hasResourceProperties('AWS::Logs::SubscriptionFilter', { LogGroupName: { Ref: logs[0]![0] } });
  });
});

test('without one there is no schedule that could only fail', () => {
  expect(createStages(exampleSettings).prod.universe).toBeUndefined();
});

test('what cannot be the name of a secret is refused', () => {
  expect(() => settingsWith('PUBLIC$SECRET')).toThrow(
    /^cdk\.json, context signals\.prod\.numeraiKeySecret: not the name of a secret/,
  );
});
