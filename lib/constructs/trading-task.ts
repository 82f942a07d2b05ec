import { Duration, Size } from 'aws-cdk-lib';
import type { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { jobImage } from './job-image.ts';
import { defineJobTask } from './job-task.ts';
import type { TradingState } from './trading-state.ts';

export interface TradingTaskProps {
  readonly name: string;
  readonly state: TradingState;
  readonly logRetention: RetentionDays;
}

/**
 * A task to look at the state of traders with, which only tasks can reach: started by hand, with the arguments of
 * `signals trading`.
 */
export class TradingTask extends Construct {
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, { name, state, logRetention }: TradingTaskProps) {
    super(scope, id);
    const { logGroup, container } = defineJobTask(this, {
      name,
      image: jobImage('cli'),
      args: ['trading', 'status'],
      cpu: 256,
      memory: Size.mebibytes(1024),
      environment: {},
      logRetention,
      stopTimeout: Duration.seconds(30),
    });
    state.passTo(container);
    this.logGroup = logGroup;
  }
}
