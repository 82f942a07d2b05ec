import { userInfo } from 'node:os';

/** Who runs this process; by number where the system has no name for it, as in a container with a user of its own. */
export function userName(read = (): string => userInfo().username): string {
  try {
    return read();
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
