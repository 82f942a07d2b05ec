import { expect, test } from '@jest/globals';
import { LocalStore } from '../../jobs/lake/local-store.ts';
import { ConflictError } from '../../jobs/lake/object-store.ts';
import { retryConflicts } from '../../jobs/lake/retry-conflicts.ts';
import { LakeError } from '../../jobs/runtime/errors.ts';
import { temporaryFolder } from '../support/folders.ts';

const folder = temporaryFolder();

test('a conflict is tried again, and any other failure is not', async () => {
  let attempts = 0;
  const work = async (): Promise<string> => {
    attempts += 1;
    if (attempts < 3) throw new ConflictError('key');
    return 'written';
  };
  expect(await retryConflicts(work)).toBe('written');
  await expect(retryConflicts(() => Promise.reject(new TypeError('no disk')))).rejects.toThrow(TypeError);
});

test('a store in which every write conflicts is given up', async () => {
  class AlwaysTaken extends LocalStore {
    override put(key: string): Promise<string> {
      return Promise.reject(new ConflictError(key));
    }
  }
  const store = new AlwaysTaken(folder);
  await expect(retryConflicts(() => store.put('key'))).rejects.toThrow(LakeError);
  expect(await store.get('key')).toBeUndefined();
});
