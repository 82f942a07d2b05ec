interface ResourceJson {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, any>>;
}

export interface TemplateJson {
  readonly Resources: Readonly<Record<string, ResourceJson>>;
}

/** Properties by which people know a resource; CloudFormation replaces the resource when one changes. */
const NAMES = [
  'BucketName',
  'ClusterName',
  'DatabaseName',
  'Family',
  'FunctionName',
  'LogGroupName',
  'ManagedPolicyName',
  'Name',
  'QueueName',
  'RoleName',
  'ServerlessCacheName',
  'TableName',
  'TopicName',
  'UserGroupId',
  'UserId',
];

/** Properties that say of what a resource is that has no name of its own: of a subscription, a right, a rule. */
const PARTS = ['TopicArn', 'Endpoint', 'FunctionName', 'GroupId', 'SourceSecurityGroupId', 'QueueUrl'];

/** What an update of a stack from one template to another does to its resources, a line each, by logical id. */
export function templateChanges(from: TemplateJson, to: TemplateJson): string[] {
  const ids = new Set([...Object.keys(from.Resources), ...Object.keys(to.Resources)]);
  return [...ids].toSorted().flatMap((id) => {
    const [before, after] = [from.Resources[id], to.Resources[id]];
    if (after === undefined) return [`${id} would be deleted: ${describe(before!, from)}`];
    if (before === undefined) return [`${id} would be created: ${describe(after, to)}`];
    const [was, becomes] = [describe(before, from), describe(after, to)];
    return was === becomes ? [] : [`${id} would be replaced: ${was} by ${becomes}`];
  });
}

function describe(resource: ResourceJson, template: TemplateJson): string {
  const { Type, Properties = {} } = resource;
  const parts = PARTS.map((part) => Properties[part])
    .filter((value) => value !== undefined)
    .map((value) => named(value, template));
  return [Type, ...namesOf(resource), ...(parts.length > 0 ? [`of ${parts.join(' and ')}`] : [])].join(' ');
}

function namesOf({ Properties = {} }: ResourceJson): string[] {
  // Some names are inside, as those of tables and databases of Glue are.
  const places = [Properties, ...Object.values(Properties).filter((value) => typeof value === 'object')];
  return places
    .flatMap((place) => NAMES.map((name) => place?.[name]))
    .filter((name) => typeof name === 'string');
}

/** The name of what a property refers to, or its logical id when the name is generated. */
function named(value: any, template: TemplateJson): string {
  if (typeof value === 'string') return value;
  const id = value.Ref ?? value['Fn::GetAtt']?.[0];
  const target = id === undefined ? undefined : template.Resources[id];
  return (target === undefined ? undefined : namesOf(target)[0]) ?? id ?? JSON.stringify(value);
}
