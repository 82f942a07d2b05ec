import { userInfo } from 'node:os';
import { expect, test } from '@jest/globals';
import { userName } from '../../jobs/runtime/user-name.ts';

test('is the name that the system has, else the number', () => {
  expect(userName()).toBe(userInfo().username);
  // As userInfo() does in a container that is run with `--user 54321`.
  const nameless = (): never => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  expect(userName(nameless)).toBe(`uid ${process.getuid!()}`);
});
