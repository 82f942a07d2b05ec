import { App } from 'aws-cdk-lib';
import { createApp } from '../lib/app.ts';
import { readProtected } from '../lib/kept-stacks.ts';
import { readSettings } from '../lib/settings.ts';

/* The CDK app. The only place where infrastructure looks at its environment. */
// Findings fail the app itself: the CLI looks at those of stacks outside stages only.
const app = new App({ postCliContext: { '@aws-cdk/core:failSynthOnValidationErrors': true } });
const contextOf = (key: string): unknown => app.node.tryGetContext(key);
// deploy.sh says which stacks are there, and shows a release without what its environment adds: the pipeline has what is
// committed.
const variables = contextOf('release') === 'true' ? {} : process.env;
createApp(app, readSettings(contextOf('signals'), variables), readProtected(contextOf('protect')));
