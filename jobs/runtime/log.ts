import { dirname } from 'node:path';
import { pino, type Logger as PinoLogger } from 'pino';
import pretty from 'pino-pretty';
import { firstLine, UsageError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `pretty` for people at a terminal, `json` (one object a line, level as a word) for everything else. */
  readonly format: 'pretty' | 'json';
  /** A file that gets the same lines as JSON; its folder is made when needed. */
  readonly file?: string;
}

/**
 * A logger that writes to stderr, so that stdout carries results only. Lines have a stable `event` name;
 * filters match the `level` field. Writing is synchronous: the last line before an exit is never lost.
 */
export function createLogger({ level, format, file }: LogOptions): Logger {
  const terminal =
    format === 'pretty'
      ? pretty({
          destination: 2,
          sync: true,
          // The message says it all; the fields are for machines.
          hideObject: true,
          ignore: 'pid,hostname',
          translateTime: 'SYS:HH:MM:ss',
        })
      : pino.destination({ dest: 2, sync: true });
  const streams: { level: typeof level; stream: NodeJS.WritableStream }[] = [
    { level, stream: terminal as unknown as NodeJS.WritableStream },
  ];
  if (file !== undefined) streams.push({ level, stream: openFile(file) });
  return pino(
    { level, base: null, formatters: { level: (label) => ({ level: label }) } },
    pino.multistream(streams),
  );
}

/** Throws UsageError where it cannot be made: jobs keep their log where they are started. */
function openFile(file: string): NodeJS.WritableStream {
  try {
    makeFolder(dirname(file));
    return pino.destination({ dest: file, sync: true }) as unknown as NodeJS.WritableStream;
  } catch (error) {
    throw new UsageError(
      `cannot write the log "${file}": ${firstLine(error)}; start in a folder that can be written`,
      error,
    );
  }
}
