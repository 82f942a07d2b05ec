import { Validations, type IPolicyValidationContext, type PolicyValidationPluginReport } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

const WILDCARD = 'AwsSolutions-IAM5';

/** Takes note of findings of cdk-nag on one construct, each with the reason why it stands. */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/**
 * Takes note of wildcards in what a role may reach.
 *
 * @param resources ends of the resources, beginning with the first character after the name of a bucket, function
 *   or the like, with `<>` for a name that is generated; `*` for everything
 */
export function acknowledgeWildcards(role: IConstruct, reason: string, resources: readonly string[]): void {
  for (const resource of resources) acknowledge(role, { [`${WILDCARD}[Resource::${resource}]`]: reason });
}

/**
 * The AwsSolutions rules of cdk-nag. A finding about a wildcard carries the resolved reference before the wildcard,
 * which across stacks nobody can write down in advance: here its acknowledgement names what follows.
 */
export class Compliance extends AwsSolutionsChecks {
  override validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const report = super.validate(context);
    const root = (context as unknown as { readonly appConstruct: IConstruct }).appConstruct;
    const constructs = new Map(root.node.findAll().map((construct) => [construct.node.path, construct]));
    const violations = report.violations
      .map((violation) => ({
        ...violation,
        violatingResources: violation.violatingResources.filter(
          ({ constructPath }) => !isExplained(constructs.get(constructPath ?? ''), violation.ruleName),
        ),
      }))
      .filter(({ violatingResources }) => violatingResources.length > 0);
    return { ...report, success: violations.length === 0, violations };
  }
}

function isExplained(construct: IConstruct | undefined, rule: string): boolean {
  const finding = /^AwsSolutions-IAM5\[Resource::(.*)\]$/.exec(rule)?.[1];
  if (finding === undefined || construct === undefined) return false;
  // {"Fn::GetStackOutput":...} or stack:ExportsOutput... from another stack, <LogicalId.Arn> of the same one, arn:aws:ecs:region:account:
  const end = finding
    .replace(
      /^(\{.*\}|[\w-]+:ExportsOutput\w+|<[^>]*>|arn:(?:<[^>]*>|[^:<])+:\w+:(?:<[^>]*>|[^:<])*:(?:<[^>]*>|[^:<])*:)/,
      '',
    )
    .replaceAll(/<[^>]*>/g, '<>');
  return construct.node.scopes.some(({ node }) =>
    node.metadata.some(
      ({ type, data }) =>
        type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY &&
        Object.keys(data as object).some((id) => id.endsWith(`${WILDCARD}[Resource::${end}]`)),
    ),
  );
}
