import { join } from 'node:path';
import { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { Role, ServicePrincipal, type IRole } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { packageRoot } from '../../jobs/runtime/package-root.ts';

export interface BundledFunctionProps {
  readonly functionName: string;
  readonly description: string;
  /** Path of the handler below the repository. */
  readonly entry: string;
  /** `index.` and what the entry exports. @default index.handler */
  readonly handler?: string;
  /** @default 256 MiB */
  readonly memory?: Size;
  readonly environment: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  /** Where events go that it could not handle after all attempts. */
  readonly deadLetters: Queue;
}

const DEFAULT_MEMORY = Size.mebibytes(256);

/** A Lambda function of this repository as one file, with its own log and a role that may write to that only. */
export class BundledFunction extends Construct {
  readonly handler: IFunction;
  readonly logGroup: LogGroup;
  readonly role: IRole;

  constructor(scope: Construct, id: string, props: BundledFunctionProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${props.functionName}`,
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grants.write(this.role);
    this.handler = new NodejsFunction(this, 'Function', {
      functionName: props.functionName,
      description: props.description,
      entry: join(packageRoot, props.entry),
      handler: props.handler ?? 'index.handler',
      depsLockFilePath: join(packageRoot, 'package-lock.json'),
      projectRoot: packageRoot,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: (props.memory ?? DEFAULT_MEMORY).toMebibytes(),
      timeout: props.timeout,
      role: this.role,
      logGroup: this.logGroup,
      environment: { ...props.environment },
      retryAttempts: 2,
      onFailure: new SqsDestination(props.deadLetters),
      bundling: {
        format: OutputFormat.ESM,
        mainFields: ['module', 'main'],
        minify: true,
        keepNames: true,
        // The SDK of the lock file, the one that the tests run with.
        externalModules: [],
        banner:
          "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
      },
    });
  }
}
