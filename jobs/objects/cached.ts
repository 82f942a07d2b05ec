import { createHash } from 'node:crypto';
import { env } from '../environment/current.ts';
import type { IsoDate } from '../runtime/dates.ts';
import { encodeCanonically } from '../store/codec.ts';
import { parseDuration, type Duration } from '../store/duration.ts';
import type { ObjectService } from './object-service.ts';

/** What a cached function needs of an environment. */
export interface CachingEnvironment {
  readonly envDate: IsoDate;
  /** The last date that the lake has prices of, up to the environment date. */
  dataDate(): Promise<IsoDate>;
  objectService(): ObjectService;
}

export interface CachedOptions<Args extends unknown[]> {
  /** Name of the object, or what it is for some arguments; a plain name gets a hash of the arguments where there are any. */
  readonly name: string | ((...args: Args) => string);
  /** Append the environment date. */
  readonly addEnvDate?: boolean;
  /** Append the date of the newest data. */
  readonly addDataDate?: boolean;
  /** How long a value is kept; null for ever. */
  readonly expires?: Duration;
  /** Keep undefined, too. */
  readonly cacheUndefined?: boolean;
  /** Default: the one that `init` has made. */
  readonly environment?: () => CachingEnvironment;
}

/**
 * The function with its results kept as objects: `NAME_ENVDATE`, `NAME_ENVDATE_DATADATE` or `NAME`. Where there is one
 * it is returned without a call; what the function throws is passed on and not kept.
 */
export function cached<Args extends unknown[], T>(
  fn: (...args: Args) => T | Promise<T>,
  options: CachedOptions<Args>,
): (...args: Args) => Promise<T> {
  const { expires = '30d', cacheUndefined = false, environment = env } = options;
  parseDuration(expires);
  return async (...args) => {
    const current = environment();
    const name = await nameOf(args, options, current);
    return current.objectService().getOrCreate(name, () => fn(...args), { expires, cacheUndefined });
  };
}

/** `cached` as a standard decorator of a method; what `this` is has no part in the name. */
export function cachedMethod<This, Args extends unknown[], T>(options: CachedOptions<Args>) {
  // A duration that is none is told where it is written, not by the first call.
  parseDuration(options.expires ?? null);
  return (
    method: (this: This, ...args: Args) => Promise<T>,
    _context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Promise<T>>,
  ): ((this: This, ...args: Args) => Promise<T>) =>
    function call(this: This, ...args: Args): Promise<T> {
      return cached<Args, T>((...given) => method.apply(this, given), options)(...args);
    };
}

async function nameOf<Args extends unknown[]>(
  args: Args,
  { name, addEnvDate = true, addDataDate = false }: CachedOptions<Args>,
  environment: CachingEnvironment,
): Promise<string> {
  const parts = [typeof name === 'string' ? name : name(...args)];
  if (typeof name === 'string' && args.length > 0) parts.push(hash(args));
  if (addEnvDate) parts.push(environment.envDate);
  if (addDataDate) parts.push(await environment.dataDate());
  return parts.join('_');
}

function hash(args: unknown[]): string {
  return createHash('sha256').update(encodeCanonically(args)).digest('hex').slice(0, 32);
}
