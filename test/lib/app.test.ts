import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createApp } from '../../lib/app.ts';
import { assertDistinct, assertReleasable, createStages } from '../../lib/config.ts';
import { readSettings, type Settings } from '../../lib/settings.ts';
import { startScript } from '../support/command.ts';
import { repository, temporaryFolder } from '../support/folders.ts';
import { cdkContext, createTestApp, exampleContext, exampleSettings } from './stages.ts';

test('cdk.json has every feature flag that the library recommends', () => {
  const file = join(repository, 'node_modules/aws-cdk-lib/recommended-feature-flags.json');
  expect(cdkContext()).toMatchObject(JSON.parse(readFileSync(file, 'utf8')));
});

describe('who and where', () => {
  test('nothing is needed to synthesize', () => {
    const organisations = ['default'];
    const tables = { tablePrefix: '', billing: { mode: 'PAY_PER_REQUEST' } };
    expect(readSettings(undefined, {})).toEqual({
      dev: { namePrefix: 'signals', alertEmails: [], region: undefined, tables, organisations },
      prod: { namePrefix: 'signals', alertEmails: [], region: undefined, tables, organisations },
    });
  });

  test('the address of the environment replaces those of the file', () => {
    const { dev, prod } = readSettings(
      { prod: { alertEmails: ['a@example.org'] } },
      { SIGNALS_ALERT_EMAIL: 'b@example.org, c@example.org', CDK_DEFAULT_REGION: 'us-east-1' },
    );
    expect([dev.alertEmails, prod.alertEmails, prod.region]).toEqual([
      ['b@example.org', 'c@example.org'],
      ['b@example.org', 'c@example.org'],
      'us-east-1',
    ]);
  });

  test.each([
    [{ dev: { account: '1234' } }, 'cdk.json, context signals.dev.account: an account is 12 digits'],
    [{ prod: { namePrefix: 'Signals' } }, 'cdk.json, context signals.prod.namePrefix: small letters'],
    [{ prod: { region: 'Frankfurt' } }, 'cdk.json, context signals.prod.region: not a region'],
    [{ prod: { alertEmails: ['nobody'] } }, 'cdk.json, context signals.prod.alertEmails.0: Invalid email'],
    [
      {
        pipeline: {
          account: '123456789012',
          region: 'eu-west-1',
          source: { kind: 'connection', repository: 'x' },
        },
      },
      'cdk.json, context signals.pipeline.source.repository: not owner/name',
    ],
    [{ production: {} }, 'cdk.json, context signals.: Unrecognized key: "production"'],
  ])('%j is refused in one line', (context, message) => {
    expect(() => readSettings(context, {})).toThrow(message);
  });

  test('a wrong address in the environment is refused in one line', () => {
    expect(() => readSettings({}, { SIGNALS_ALERT_EMAIL: 'nobody' })).toThrow(
      'SIGNALS_ALERT_EMAIL "nobody" is not an email address',
    );
  });
});

describe('the app', () => {
  const partsOf = (settings: Settings): string[] => {
    const app = createTestApp();
    createApp(app, settings);
    return app.node.children.map(({ node }) => node.id).filter((id) => /^[a-zA-Z]+$/.test(id));
  };

  test('is dev alone until prod has an account and the pipeline a source', () => {
    expect(partsOf(readSettings(undefined, {}))).toEqual(['dev']);
    const { pipeline: _pipeline, ...settings } = exampleSettings;
    expect(partsOf(settings)).toEqual(['dev', 'prod']);
    expect(partsOf(exampleSettings)).toEqual(['dev', 'prod', 'Pipeline']);
  });
});

describe('bin/signals.ts', () => {
  const folder = temporaryFolder();

  /** Synthesizes as the CDK's command line does, which passes on what its option --context says. */
  async function synthesize(signals: unknown, context: Record<string, string>): Promise<string> {
    const outdir = mkdtempSync(join(folder, 'out-'));
    const { code, stderr } = await startScript(join(repository, 'bin/signals.ts'), [], repository, {
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify({
        ...cdkContext(),
        'aws:cdk:bundling-stacks': [],
        signals,
        ...context,
      }),
      SIGNALS_ALERT_EMAIL: 'me@example.org',
      TABLE_PREFIX: 'mine-',
    }).finished;
    expect([code, stderr]).toEqual([0, '']);
    return outdir;
  }
  const read = (outdir: string, file: RegExp): string => {
    const assembly = join(outdir, 'assembly-dev');
    const name = readdirSync(assembly).find((found) => file.test(found))!;
    return readFileSync(join(assembly, name), 'utf8');
  };
  const protectedIn = (outdir: string): string[] =>
    Object.values<any>(JSON.parse(read(outdir, /^manifest/)).artifacts)
      .filter(({ properties }) => properties?.terminationProtection === true)
      .map(({ displayName }) => displayName);

  test('deploys with what the environment adds, and declares protected what exists', async () => {
    const outdir = await synthesize({ dev: exampleContext.dev }, { protect: 'lake' });
    expect(read(outdir, /Jobs.*template/)).toContain('me@example.org');
    expect(read(outdir, /Cache.*template/)).toContain('"mine-prices"');
    expect(protectedIn(outdir)).toEqual(['dev/Lake']);
  });

  test('shows a release without either', async () => {
    // With all that a stage can have, so that the CDK looks at each template once.
    const prod = { ...exampleContext.prod, trading: {}, numeraiKeySecret: 'numerai' };
    const outdir = await synthesize({ ...exampleContext, prod }, { release: 'true' });
    expect(read(outdir, /Jobs.*template/)).toContain('dev@example.org');
    expect(read(outdir, /Jobs.*template/)).not.toContain('me@example.org');
    expect(read(outdir, /Cache.*template/)).toContain('"prices"');
    expect(protectedIn(outdir)).toEqual([]);
  });
});

describe('two stages', () => {
  const place = { account: '111111111111', region: 'eu-west-1' };

  test('may not share account, region and prefix', () => {
    const stages = createStages(readSettings({ dev: place, prod: place }, {}));
    expect(() => assertDistinct(stages)).toThrow(
      'dev and prod share account 111111111111, region eu-west-1 and the prefix "signals"',
    );
  });

  test.each([
    ['prefix', { ...place, namePrefix: 'signals-dev' }],
    ['region', { ...place, region: 'us-east-1' }],
    ['account', { ...place, account: '222222222222' }],
  ])('are told apart by their %s', (_what, dev) => {
    expect(() => assertDistinct(createStages(readSettings({ dev, prod: place }, {})))).not.toThrow();
  });

  test('names follow the prefix, and the database needs no quotes in SQL', () => {
    const { dev } = createStages(readSettings({ dev: { ...place, namePrefix: 'signals-dev' } }, {}));
    expect([dev.names.queue, dev.names.database]).toEqual(['signals-dev-queue', 'signals_dev']);
  });
});

test.each([
  ['account', { account: undefined }],
  ['region', { region: undefined }],
  ['alertEmails', { alertEmails: [] }],
])('the pipeline needs the %s of each stage to be committed', (name, change) => {
  const stages = createStages({ ...exampleSettings, prod: { ...exampleSettings.prod, ...change } });
  expect(() => assertReleasable(stages)).toThrow(
    `cdk.json, context signals.prod.${name}: the pipeline needs it there`,
  );
  expect(() => assertReleasable(createStages(exampleSettings))).not.toThrow();
});

test('every scheduled run fits between two of its kind', () => {
  for (const { load, transform } of Object.values(createStages(exampleSettings))) {
    expect(load.expectedRun.toHours({ integral: false })).toBeLessThan(24);
    expect(load.maxSilence.toHours()).toBeGreaterThan(24);
    expect(transform.maxSilence.toDays({ integral: false })).toBeGreaterThan(7);
  }
});
