/** One failure, as it is told to people. */
export interface Alert {
  /** Job or part that failed: `load`, `transform`, `crawler`. */
  readonly job: string;
  /** Stable word for the kind of failure, which chooses the first step. */
  readonly code: string;
  /** What happened, the most telling line first. */
  readonly lines: readonly string[];
  readonly runId: string | undefined;
  /** Where to read more. */
  readonly link: string;
  /** The last line of a run, after which no other follows. */
  readonly isFinal: boolean;
}

/** Where the alert comes from. */
export interface Origin {
  readonly stage: string;
  readonly account: string;
  readonly region: string;
}

/** An email: SNS takes at most 100 printable ASCII characters as subject. */
export interface Message {
  readonly subject: string;
  readonly body: string;
}

const SUBJECT_LENGTH = 100;
const SHOWN_LINES = 10;
const LINE_LENGTH = 1000;

/** What to do first, by code. */
const FIRST_STEPS: Readonly<Record<string, string>> = {
  usage:
    'The job was started with something it does not take. Compare its arguments in lib/config.ts with --help.',
  market:
    'The market data was missing or unusable. Start the job again in an hour; if it fails again, read the run.',
  lake: 'The bucket could not be read or written. Start the job again; if it fails again, look at the rights of its role.',
  query:
    'Athena or the crawler failed. Read the line above, then the query in the Athena console; start transform again.',
  coverage:
    'Too few tickers were answered. Start load again: it fetches what is missing. Then look at the manifest of the run.',
  stopped: 'The task was told to stop before it was done. Start it again: it goes on where it was.',
  stale: 'Look whether the schedule is enabled and the last runs succeeded; then start the job by hand.',
  'exit-1': 'The error line of the run says why; it has come, or comes, as an email of its own.',
  'exit-2': 'The error line of the run says why; it has come, or comes, as an email of its own.',
  'exit-3': 'The error line of the run says why; it has come, or comes, as an email of its own.',
  'exit-137':
    'The task was killed, most likely for want of memory. Give it more in lib/config.ts and deploy.',
  'exit-143': 'The task was told to stop. Start it again: it goes on where it was.',
  'task-start':
    'The task could not start. Read the reason above: image, capacity or network; then start the job by hand.',
  'crawl-failed':
    'Read the log of the crawler, then start it again: its events wait in the queue for 14 days.',
  test: 'Nothing: this was a test, and the alerts arrive.',
  unreadable: 'A log line or event had a form that nobody expected. Read the log itself.',
};

const ANY_STEP = 'Read the run in the log, then start the job again: everything written so far stands.';

/** The alert as an email. */
export function formatAlert(
  { job, code, lines, runId, link }: Alert,
  { stage, account, region }: Origin,
): Message {
  const shown = lines.slice(0, SHOWN_LINES).map((line) => shorten(line, LINE_LENGTH));
  const more = lines.length > shown.length ? [`... and ${lines.length - shown.length} more lines`] : [];
  const subject = `signals ${stage}: ${job} failed (${code}): ${lines[0] ?? ''}`;
  return {
    subject: shorten(subject.replaceAll(/[^\x20-\x7e]+/g, ' ').trim(), SUBJECT_LENGTH),
    body: [
      `job        ${job}`,
      `run        ${runId ?? 'unknown'}`,
      `stage      ${stage}`,
      `account    ${account}, ${region}`,
      `code       ${code}`,
      '',
      ...shown,
      ...more,
      '',
      'What to do first',
      FIRST_STEPS[code] ?? ANY_STEP,
      'More in doc/operations.md.',
      '',
      'Log',
      link,
    ].join('\n'),
  };
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
