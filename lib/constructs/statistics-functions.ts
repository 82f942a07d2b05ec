import { Duration, Size } from 'aws-cdk-lib';
import { Stats, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import { FunctionUrlAuthType, type FunctionUrl } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, MetricFilter, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MARKS_PREFIX, PRICES_PREFIX } from '../../jobs/lake/layout.ts';
import { handlerOf, ROUTER_HANDLER, type FunctionName } from '../../jobs/statistics/function-names.ts';
import { BundledFunction } from './bundled-function.ts';
import type { DataLake } from './data-lake.ts';
import type { StatisticsTables } from './statistics-tables.ts';

export interface StatisticsFunctionsProps {
  /** Of the function that answers everything; the others are `NAME-FUNCTION`. */
  readonly name: string;
  /** Name of the policy for callers of the URL. */
  readonly callerPolicyName: string;
  /** Functions that are deployed on their own besides. */
  readonly single: readonly FunctionName[];
  readonly lake: DataLake;
  readonly tables: StatisticsTables;
  readonly tablePrefix: string;
  readonly logRetention: RetentionDays;
  /** Where scheduled events go that were not answered after all attempts. */
  readonly deadLetters: Queue;
}

/** Half a gigabyte is a third of a processor: a first answer from the lake is bound by reading Parquet. */
const MEMORY = Size.mebibytes(512);
/** The Treasury gets 20 seconds; a function URL waits for 15 minutes, an API Gateway for 29 seconds. */
const TIMEOUT = Duration.minutes(1);

/** Statistics as Lambdas: one for all of them, at a URL for whom IAM allows it, and one each for those that are named. */
export class StatisticsFunctions extends Construct {
  readonly all: readonly BundledFunction[];
  readonly url: FunctionUrl;
  /**
   * For people and roles of this account that call the URL. It is enough by itself: within an account IAM needs no
   * statement in the function's own policy. A caller of another account needs one there as well.
   */
  readonly callerPolicy: ManagedPolicy;
  /** Requests that failed for another reason than what was asked: error lines of all functions. */
  readonly failures: IMetric;

  constructor(scope: Construct, id: string, props: StatisticsFunctionsProps) {
    super(scope, id);
    const router = this.#create('Router', props.name, ROUTER_HANDLER, props);
    this.url = router.handler.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
    this.callerPolicy = new ManagedPolicy(this, 'CallerPolicy', {
      managedPolicyName: props.callerPolicyName,
      description: 'Call the statistics URL',
    });
    // Two actions, as function URLs made since October 2025 demand: InvokeFunctionUrl with AWS_IAM, and InvokeFunction
    // for calls that come through the URL.
    this.url.grantInvokeUrl(this.callerPolicy);
    this.all = [
      router,
      ...props.single.map((name) => this.#create(name, `${props.name}-${name}`, handlerOf(name), props)),
    ];
    const metric = { metricNamespace: props.name, metricName: 'Failures' };
    const filters = this.all.map(
      ({ logGroup }, nth) =>
        new MetricFilter(this, `Failures${nth}`, {
          ...metric,
          logGroup,
          filterPattern: FilterPattern.stringValue('$.level', '=', 'error'),
        }),
    );
    this.failures = filters[0]!.metric({ statistic: Stats.SUM, period: Duration.minutes(5) });
  }

  #create(
    id: string,
    functionName: string,
    handler: string,
    props: StatisticsFunctionsProps,
  ): BundledFunction {
    const { lake, tables, tablePrefix, logRetention, deadLetters } = props;
    const created = new BundledFunction(this, id, {
      functionName,
      description: 'Statistics of tickers, from the cache, else from the lake',
      entry: 'lambda/statistics/handler.ts',
      handler,
      memory: MEMORY,
      environment: {
        SIGNALS_LAKE: lake.dataBucket.s3UrlForObject(),
        CACHE_MODE: 'dynamodb',
        CACHE_PROVISION: 'never',
        TABLE_PREFIX: tablePrefix,
      },
      timeout: TIMEOUT,
      logRetention,
      deadLetters,
    });
    // A mark says which prices a load is merging, or a killed one has left half merged.
    lake.grant(created.role, { read: [`${PRICES_PREFIX}*`, `${MARKS_PREFIX}*`], write: [], delete: [] });
    tables.grant(created.role);
    return created;
  }
}
