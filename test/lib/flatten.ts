/** A resource with its references as names without CDK's hashes. */
export function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  const [key, argument] = Object.entries(value as Record<string, any>)[0]!;
  const plain = (id: string): string => id.replace(/[0-9A-F]{8}$/, '');
  switch (key) {
    case 'Ref':
      return argument.startsWith('AWS::') ? argument : `<${plain(argument)}>`;
    case 'Fn::GetAtt':
      return `<${plain(argument[0])}.${argument[1]}>`;
    case 'Fn::Join':
      return argument[1].map(flatten).join(argument[0]);
    case 'Fn::Sub':
      return String(argument);
    case 'Fn::GetStackOutput': {
      const ref = /PublishOutputRef(.*?)[0-9A-F]{16}$/.exec(argument.OutputName)?.[1];
      if (ref !== undefined) return `<${ref}>`;
      const [, id, attribute] = /PublishOutputFnGetAtt(.*?)([0-9A-F]{8})?(Arn|QueueName|GroupId)[0-9A-F]{8}$/
        .exec(argument.OutputName)!
        .toSpliced(2, 1) as [string, string, string];
      return `<${id}.${attribute}>`;
    }
    default:
      throw new Error(`unknown reference ${JSON.stringify(value)}`);
  }
}
