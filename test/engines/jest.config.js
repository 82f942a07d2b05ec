import base from '../../jest.config.js';

/** Tests that take hours, on servers that take minutes to build: `make test-engines`. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/**/*.engine.ts'],
  globalSetup: '<rootDir>/test/engines/global-setup.ts',
  globalTeardown: undefined,
  // Each test runs commands side by side, whose natural timing is what it is about.
  maxWorkers: 1,
  testTimeout: 4 * 3_600_000,
};
