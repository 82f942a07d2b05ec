import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation';
import type { Stack } from 'aws-cdk-lib';
import { createStages } from '../../lib/config.ts';
import { readProtected, type KeptStack } from '../../lib/kept-stacks.ts';
import { SignalsStage } from '../../lib/signals-stage.ts';
import { awsClientConfig, awsEndpoint, awsEnvironment } from '../support/aws.ts';
import { startScript, type Finished } from '../support/command.ts';
import { describeWith } from '../support/describe-with.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { reportStates } from '../support/stack-states.ts';
import { createTestApp, exampleSettings } from './stages.ts';

const folder = temporaryFolder();

describeWith('AWS emulator', 'after a deployment', () => {
  const dev = { account: '123456789012', region: 'eu-north-1', namePrefix: 'coral' };
  let proxy: FaultProxy;
  beforeAll(async () => {
    proxy = await startFaultProxy(awsEndpoint);
  });
  afterAll(() => proxy.close());

  function protect(...args: string[]): Promise<Finished> {
    const cwd = mkdtempSync(join(folder, 'case-'));
    writeFileSync(join(cwd, 'cdk.json'), JSON.stringify({ context: { signals: { dev } } }));
    const env = { ...awsEnvironment(proxy.url), AWS_PROFILE: '', SIGNALS_ALERT_EMAIL: '' };
    return startScript(join(repository, 'bin/protect.ts'), args, cwd, env).finished;
  }

  test.each(['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'IMPORT_COMPLETE'])(
    'a kept stack in %s is protected, a stack that is not kept is not',
    async (status) => {
      const updates = reportStates(proxy, {
        'coral-lake': status,
        'coral-cache': `${status} protected`,
        'coral-jobs': status,
      });
      expect(await protect('dev')).toMatchObject({
        code: 0,
        stdout: 'coral-lake is protected against deletion from now on\n',
        stderr: '',
      });
      expect(
        updates.map((update) => [update.get('StackName'), update.get('EnableTerminationProtection')]),
      ).toEqual([['coral-lake', 'true']]);
    },
  );

  test.each(['ROLLBACK_COMPLETE', 'ROLLBACK_FAILED', 'REVIEW_IN_PROGRESS', 'UPDATE_ROLLBACK_FAILED'])(
    'a stack in %s is left as it is',
    async (status) => {
      const updates = reportStates(proxy, { 'coral-lake': status, 'coral-cache': 'CREATE_COMPLETE' });
      expect(await protect('dev')).toMatchObject({
        code: 0,
        stdout: `coral-lake is ${status}: left as it is\ncoral-cache is protected against deletion from now on\n`,
      });
      expect(updates.map((update) => update.get('StackName'))).toEqual(['coral-cache']);
    },
  );

  test('a role of another account is taken on first', async () => {
    const TemplateBody = JSON.stringify({ Resources: { Topic: { Type: 'AWS::SNS::Topic' } } });
    await new CloudFormationClient({ ...awsClientConfig, region: dev.region }).send(
      new CreateStackCommand({ StackName: 'coral-lake', TemplateBody }),
    );
    const updates = reportStates(proxy, {});
    expect((await protect('dev')).stdout).toBe(
      'coral-lake is protected against deletion from now on\ncoral-cache does not exist\n',
    );
    const role = 'arn:aws:iam::210987654321:role/cdk-hnb659fds-deploy-role-210987654321-eu-north-1';
    expect(await protect('dev', '--role', role)).toMatchObject({
      code: 0,
      stdout: 'coral-lake does not exist\ncoral-cache does not exist\n',
    });
    expect(updates).toHaveLength(1);
  });

  test('a refusal is one clear line', async () => {
    proxy.decide = () => ({
      status: 403,
      body: '<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>',
    });
    expect(await protect('dev')).toMatchObject({ code: 1, stdout: '', stderr: 'protect: not for you\n' });
  });
});

describe('the stacks of a stage', () => {
  const protectedOf = (protect?: readonly KeptStack[]): string[] => {
    const config = createStages(exampleSettings).dev;
    const stage = new SignalsStage(createTestApp(), 'dev', {
      config,
      ...(protect === undefined ? {} : { protect }),
    });
    return (stage.node.findAll() as Stack[])
      .filter(({ terminationProtection }) => terminationProtection === true)
      .map(({ node }) => node.id);
  };

  test('are declared protected only where they are known to exist', () => {
    expect(protectedOf()).toEqual([]);
    expect(protectedOf(readProtected('lake'))).toEqual(['Lake']);
    expect(protectedOf(readProtected('lake,cache'))).toEqual(['Lake', 'Cache']);
  });

  test('are named in the context, and nothing else is', () => {
    expect(readProtected(undefined)).toEqual([]);
    expect(() => readProtected('lake,jobs')).toThrow('--context protect: "jobs" is not one of lake, cache');
  });
});
