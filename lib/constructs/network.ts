import { Tags } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { acknowledge } from '../compliance.ts';

export interface NetworkProps {
  readonly name: string;
}

/**
 * Public subnets without NAT: tasks reach Yahoo and AWS from an address of their own for as long as they run, and
 * nothing reaches them. S3 and DynamoDB are reached without leaving AWS's network.
 */
export class Network extends Construct {
  readonly vpc: Vpc;
  /** For tasks: out to HTTPS, nothing in. */
  readonly outbound: SecurityGroup;
  /** What `aws ecs run-task --network-configuration` takes, for runs by hand. */
  readonly runTaskConfiguration: string;

  constructor(scope: Construct, id: string, { name }: NetworkProps) {
    super(scope, id);
    this.vpc = new Vpc(this, 'Vpc', {
      vpcName: name,
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false }],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDB: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
      // It would take a Lambda with rights on security groups to change a group that nothing uses. cdk-nag does not ask
      // for it; Security Hub does (EC2.2): suppress that finding for this VPC.
      restrictDefaultSecurityGroup: false,
    });
    this.outbound = new SecurityGroup(this, 'Outbound', {
      vpc: this.vpc,
      description: 'Tasks of signals: HTTPS out, nothing in',
      allowAllOutbound: false,
    });
    this.outbound.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS and Yahoo');
    Tags.of(this.vpc).add('Name', name);
    const subnets = this.vpc.publicSubnets.map(({ subnetId }) => subnetId).join(',');
    this.runTaskConfiguration = `awsvpcConfiguration={subnets=[${subnets}],securityGroups=[${this.outbound.securityGroupId}],assignPublicIp=ENABLED}`;
    acknowledge(this.vpc, {
      'AwsSolutions-VPC7':
        'nothing listens here and tasks run for minutes a day; flow logs would cost more than the tasks',
    });
  }
}
