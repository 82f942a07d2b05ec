import { KeyFormatError } from './errors.ts';

/** Who shares what: all users of an organisation, by workspace. */
export interface Workspace {
  readonly organisation: string;
  readonly workspace: string;
}

/** What the keys of all that an organisation keeps start with. */
export function organisationFolder(organisation: string): string {
  return `org/${checked('organisation', organisation)}/`;
}

/**
 * What the keys of a workspace's entries of one kind start with: permissions are given per organisation by this
 * prefix. Throws KeyFormatError for a name that is not 1 to 40 of the characters A-Z a-z 0-9 _ -.
 */
export function workspaceFolder(
  { organisation, workspace }: Workspace,
  kind: 'objects' | 'strategies',
): string {
  return `${organisationFolder(organisation)}ws/${checked('workspace', workspace)}/${kind}/`;
}

function checked(what: string, name: string): string {
  if (/^[\w-]{1,40}$/.test(name)) return name;
  throw new KeyFormatError(`${what} "${name}" is not 1 to 40 letters, digits, _ and -; choose another name`);
}
