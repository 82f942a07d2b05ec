import type { CodePipeline } from 'aws-cdk-lib/pipelines';
import { acknowledge, acknowledgeWildcards } from './compliance.ts';

/** Actions that the CDK's own grants write with a wildcard, on the pipeline's bucket and its key. */
const GRANTED = [
  's3:GetObject*',
  's3:GetBucket*',
  's3:List*',
  's3:DeleteObject*',
  's3:Abort*',
  'kms:ReEncrypt*',
  'kms:GenerateDataKey*',
];

/** Takes note of what the roles that aws-cdk-lib/pipelines makes are given, which nobody can narrow from outside. */
export function acknowledgePipeline(pipeline: CodePipeline): void {
  const grants = "the library's own grants on the pipeline's bucket and its key, which hold nothing else";
  acknowledge(
    pipeline,
    Object.fromEntries(GRANTED.map((action) => [`AwsSolutions-IAM5[Action::${action}]`, grants])),
  );
  acknowledgeWildcards(pipeline, grants, ['/*']);
  acknowledge(pipeline, {
    'AwsSolutions-CB5': "the tests install what they use with apt, which CodeBuild's own images do not have",
  });
  acknowledgeWildcards(pipeline, 'the library lets it look at stacks and start builds without naming them', [
    '*',
  ]);
  acknowledgeWildcards(pipeline, 'logs and reports of the builds, which CodeBuild names after them', [
    'log-group:/aws/codebuild/*',
    'log-group:/aws/codebuild/<>:*',
    'report-group/*',
    'report-group/<>-*',
  ]);
  acknowledgeWildcards(
    pipeline,
    'only roles that `cdk bootstrap` tagged for deployment, and only to take them on',
    ['role/*'],
  );
}
