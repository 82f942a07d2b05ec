/** Names that a person types; everything else is generated. All of them come from one prefix. */
export interface Names {
  readonly lakeStack: string;
  readonly cacheStack: string;
  readonly networkStack: string;
  readonly jobsStack: string;
  readonly pipelineStack: string;
  /** Of Glue: a hyphen would need quotes in SQL. */
  readonly database: string;
  readonly workgroup: string;
  readonly crawler: string;
  readonly cluster: string;
  readonly vpc: string;
  /** Task families, schedules and log groups. */
  readonly load: string;
  readonly transform: string;
  readonly universe: string;
  /** The task that tries a release and its log; start of the names of what it has for itself. */
  readonly smoke: string;
  readonly errorNotification: string;
  readonly freshness: string;
  readonly statistics: string;
  /** Policy for whoever calls the statistics URL. */
  readonly statisticsCaller: string;
  /** Start of the names of the policies for shared objects. */
  readonly objects: string;
  /** Of the cache with the state of traders, its users, and the task that looks at it. */
  readonly trading: string;
  readonly s3Events: string;
  readonly queue: string;
  /** Topic of alerts. */
  readonly log: string;
  readonly dashboard: string;
}

export function createNames(prefix: string): Names {
  return {
    lakeStack: `${prefix}-lake`,
    cacheStack: `${prefix}-cache`,
    networkStack: `${prefix}-network`,
    jobsStack: `${prefix}-jobs`,
    pipelineStack: `${prefix}-pipeline`,
    database: prefix.replaceAll('-', '_'),
    workgroup: prefix,
    crawler: `${prefix}-crawler`,
    cluster: `${prefix}-cluster`,
    vpc: `${prefix}-vpc`,
    load: `${prefix}-load`,
    transform: `${prefix}-transform`,
    universe: `${prefix}-universe`,
    smoke: `${prefix}-smoke`,
    errorNotification: `${prefix}-error-notification`,
    freshness: `${prefix}-freshness`,
    statistics: `${prefix}-statistics`,
    statisticsCaller: `${prefix}-statistics-caller`,
    objects: `${prefix}-objects`,
    trading: `${prefix}-trading`,
    s3Events: `${prefix}-s3-events`,
    queue: `${prefix}-queue`,
    log: `${prefix}-log`,
    dashboard: prefix,
  };
}
