import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { beforeAll, expect, test } from '@jest/globals';
import { createApp } from '../../lib/app.ts';
import { createTestApp, exampleSettings } from './stages.ts';
import { templateChanges, type TemplateJson } from './template-changes.ts';

/*
 * A stage that was deployed by hand and is then released by the pipeline has to stay what it is: CloudFormation knows
 * resources by their logical ids, and replaces or takes away those whose ids differ.
 */

let assembly: CloudAssembly;
beforeAll(() => {
  const app = createTestApp();
  createApp(app, exampleSettings);
  assembly = app.synth();
});

function read(file: string): TemplateJson {
  return JSON.parse(readFileSync(join(assembly.directory, file), 'utf8')) as TemplateJson;
}

/** Templates that `cdk deploy STAGE/*` uses, by the name of the stack. */
function deployedByHand(stage: string): Map<string, TemplateJson> {
  const { stacks } = assembly.getNestedAssembly(`assembly-${stage}`);
  return new Map(
    stacks.map(({ stackName, templateFile }) => [stackName, read(`assembly-${stage}/${templateFile}`)]),
  );
}

/** Templates that a stage of the pipeline uses. */
function releasedByPipeline(stage: string): Map<string, TemplateJson> {
  const { Resources } = read('Pipeline.template.json');
  const pipeline = Object.values(Resources).find(({ Type }) => Type === 'AWS::CodePipeline::Pipeline')!;
  const { Actions } = pipeline.Properties!['Stages'].find(({ Name }: { Name: string }) => Name === stage);
  return new Map(
    Actions.map(({ Configuration }: any) => Configuration)
      .filter((configuration: any) => configuration?.TemplatePath !== undefined)
      .map(({ StackName, TemplatePath }: any) => [StackName, read(TemplatePath.split('::')[1])]),
  );
}

test.each(['dev', 'prod'])('the pipeline changes nothing of %s that was deployed by hand', (stage) => {
  const byHand = deployedByHand(stage);
  const released = releasedByPipeline(stage);
  expect([...released.keys()].toSorted()).toEqual([...byHand.keys()].toSorted());
  const changes = [...byHand].flatMap(([name, template]) =>
    templateChanges(template, released.get(name)!).map((change) => `${name}: ${change}`),
  );
  expect(changes).toEqual([]);
});

test('every template is there once', () => {
  const names = ['assembly-dev', 'assembly-prod'].flatMap((nested) =>
    assembly.getNestedAssembly(nested).stacks.map(({ id }) => id),
  );
  expect(assembly.nestedAssemblies).toHaveLength(2);
  expect(new Set(names).size).toBe(8);
});

test('a change of an id is told with what it would hit', () => {
  const before: TemplateJson = {
    Resources: {
      Queue1: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'signals-queue' } },
      Topic1: { Type: 'AWS::SNS::Topic', Properties: {} },
      Same: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 'signals-load' } },
    },
  };
  const after: TemplateJson = {
    Resources: {
      Queue2: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'signals-queue' } },
      Topic1: { Type: 'AWS::SQS::Queue', Properties: {} },
      Same: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: 'signals-loads' } },
    },
  };
  expect(templateChanges(before, after)).toEqual([
    'Queue1 would be deleted: AWS::SQS::Queue signals-queue',
    'Queue2 would be created: AWS::SQS::Queue signals-queue',
    'Same would be replaced: AWS::Logs::LogGroup signals-load by AWS::Logs::LogGroup signals-loads',
    'Topic1 would be replaced: AWS::SNS::Topic by AWS::SQS::Queue',
  ]);
});
