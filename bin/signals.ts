import { App } from 'aws-cdk-lib';
import { createApp } from '../lib/app.ts';
import { readSettings } from '../lib/settings.ts';

/* The CDK app. The only place where infrastructure looks at its environment. */
// Findings fail the app itself: the CLI looks at those of stacks outside stages only.
const app = new App({ postCliContext: { '@aws-cdk/core:failSynthOnValidationErrors': true } });
createApp(app, readSettings(app.node.tryGetContext('signals'), process.env));
