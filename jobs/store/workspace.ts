import { KeyFormatError } from './errors.ts';

/** Who shares what: all users of an organisation, by workspace. */
export interface Workspace {
  readonly organisation: string;
  readonly workspace: string;
}

/**
 * What the keys of a workspace's entries of one kind start with: permissions are given per organisation by this
 * prefix. Throws KeyFormatError for a name that is not 1 to 40 of the characters A-Z a-z 0-9 _ -.
 */
export function workspaceFolder(
  { organisation, workspace }: Workspace,
  kind: 'objects' | 'strategies',
): string {
  for (const [what, name] of Object.entries({ organisation, workspace })) {
    if (!/^[\w-]{1,40}$/.test(name))
      throw new KeyFormatError(
        `${what} "${name}" is not 1 to 40 letters, digits, _ and -; choose another name`,
      );
  }
  return `org/${organisation}/ws/${workspace}/${kind}/`;
}
