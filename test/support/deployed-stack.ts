import { CloudFormationClient, ListStackResourcesCommand } from '@aws-sdk/client-cloudformation';

interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, any>>;
}

export interface TemplateJson {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

/** A template with what the emulator made of it: tells what its references stand for. */
export class DeployedStack {
  readonly name: string;
  readonly template: TemplateJson;
  /** Names and addresses of what was created, by logical id. */
  readonly created: ReadonlyMap<string, string>;
  readonly #account: string;
  readonly #region: string;
  readonly #siblings: readonly DeployedStack[];

  private constructor(
    name: string,
    template: TemplateJson,
    created: ReadonlyMap<string, string>,
    place: { account: string; region: string },
    siblings: readonly DeployedStack[],
  ) {
    this.name = name;
    this.template = template;
    this.created = created;
    this.#account = place.account;
    this.#region = place.region;
    this.#siblings = siblings;
  }

  /** @param siblings stacks whose outputs it may refer to */
  static async read(
    client: CloudFormationClient,
    name: string,
    template: TemplateJson,
    place: { account: string; region: string },
    siblings: readonly DeployedStack[] = [],
  ): Promise<DeployedStack> {
    const { StackResourceSummaries = [] } = await client.send(
      new ListStackResourcesCommand({ StackName: name }),
    );
    // What the emulator has skipped is in its list without a name.
    const created = StackResourceSummaries.filter(({ LogicalResourceId }) => LogicalResourceId !== undefined);
    const ids = created.map((one) => [one.LogicalResourceId!, one.PhysicalResourceId!] as const);
    return new DeployedStack(name, template, new Map(ids), place, siblings);
  }

  /** Properties of the resources of a type, with their references resolved, by logical id. */
  ofType(type: string): [string, any][] {
    return Object.entries(this.template.Resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, { Properties }]) => [id, this.resolve(Properties)]);
  }

  resolve(value: unknown): any {
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [key, argument] = entries[0] ?? [];
    if (entries.length !== 1) return this.#resolveEach(entries);
    switch (key) {
      case 'Ref':
        return this.#ref(argument as string);
      case 'Fn::GetAtt':
        return this.#attribute(argument[0], argument[1]);
      case 'Fn::Join':
        return this.resolve(argument[1]).join(argument[0]);
      case 'Fn::GetStackOutput':
        return this.#siblings.find(({ name }) => name === argument.StackName)!.output(argument.OutputName);
      default:
        return this.#resolveEach(entries);
    }
  }

  /** What one of its outputs is. */
  output(name: string): unknown {
    return this.resolve(this.template.Outputs![name]!.Value);
  }

  #resolveEach(entries: readonly [string, unknown][]): unknown {
    return Object.fromEntries(entries.map(([name, item]) => [name, this.resolve(item)]));
  }

  #ref(id: string): string {
    if (id === 'AWS::AccountId') return this.#account;
    if (id === 'AWS::Region') return this.#region;
    if (id === 'AWS::Partition') return 'aws';
    if (id === 'AWS::URLSuffix') return 'amazonaws.com';
    return this.created.get(id) ?? this.#name(id);
  }

  /** The name of something that the emulator did not create. */
  #name(id: string): string {
    const { Type, Properties } = this.template.Resources[id]!;
    const input = Properties['DatabaseInput'] ?? Properties['TableInput'];
    const name = input?.Name ?? Properties['Name'] ?? Properties['FunctionName'];
    if (typeof name !== 'string') throw new Error(`${id} of type ${Type} has no name`);
    return name;
  }

  #attribute(id: string, attribute: string): string {
    const name = this.#ref(id);
    const last = name.split('/').at(-1)!;
    const arn = (service: string, resource: string): string =>
      `arn:aws:${service}:${this.#region}:${this.#account}:${resource}`;
    switch (`${this.template.Resources[id]!.Type} ${attribute}`) {
      case 'AWS::S3::Bucket Arn':
        return `arn:aws:s3:::${name}`;
      case 'AWS::DynamoDB::Table Arn':
        return arn('dynamodb', `table/${last}`);
      case 'AWS::SQS::Queue Arn':
        return arn('sqs', last);
      case 'AWS::SQS::Queue QueueName':
        return last;
      case 'AWS::IAM::Role Arn':
        return `arn:aws:iam::${this.#account}:role/${name}`;
      case 'AWS::ECS::Cluster Arn':
        return arn('ecs', `cluster/${last}`);
      case 'AWS::Lambda::Function Arn':
        return arn('lambda', `function:${last}`);
      case 'AWS::Logs::LogGroup Arn':
        return arn('logs', `log-group:${name}:*`);
      case 'AWS::Events::Rule Arn':
        return arn('events', `rule/${last}`);
      case 'AWS::EC2::SecurityGroup GroupId':
        return name;
      default:
        throw new Error(`${attribute} of ${id} is not known`);
    }
  }
}

/** A template with its references to the outputs of other stacks replaced by their values. */
export function resolveOutputsOf(siblings: readonly DeployedStack[], template: TemplateJson): TemplateJson {
  const text = JSON.stringify(template, (_key, part: unknown) => {
    const output = (part as Record<string, any> | null)?.['Fn::GetStackOutput'];
    return output === undefined
      ? part
      : siblings.find(({ name }) => name === output.StackName)!.output(output.OutputName);
  });
  return JSON.parse(text) as TemplateJson;
}
