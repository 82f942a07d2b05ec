/** @type {import('jest').Config} */
export default {
  testEnvironment: '<rootDir>/test/support/tidy-environment.js',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Copies of package.json in what the CDK synthesized.
  modulePathIgnorePatterns: ['<rootDir>/cdk.out/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  reporters: ['default', '<rootDir>/test/support/tally-reporter.js'],
  collectCoverageFrom: ['jobs/**/*.ts', '!jobs/{load,transform,cli}.ts'],
  coverageProvider: 'v8',
  coverageReporters: ['text'],
  // Jest would leave one core for itself, which on two is half of the time.
  maxWorkers: '100%',
  // Tests that run commands take seconds, on a machine with much else to do some minutes.
  testTimeout: 600_000,
};
