import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';

export interface BudgetAlarmProps {
  /** Monthly amount of the whole account in USD. */
  readonly monthlyUsd: number;
  readonly emails: readonly string[];
}

/** Emails when the account's costs of the month pass 80 % of an amount, or are forecast to pass all of it. */
export class BudgetAlarm extends Construct {
  constructor(scope: Construct, id: string, { monthlyUsd, emails }: BudgetAlarmProps) {
    super(scope, id);
    const subscribers = emails.map((address) => ({ subscriptionType: 'EMAIL', address }));
    const notify = (
      notificationType: string,
      threshold: number,
    ): CfnBudget.NotificationWithSubscribersProperty => ({
      notification: {
        notificationType,
        threshold,
        thresholdType: 'PERCENTAGE',
        comparisonOperator: 'GREATER_THAN',
      },
      subscribers,
    });
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: [notify('ACTUAL', 80), notify('FORECASTED', 100)],
    });
  }
}
