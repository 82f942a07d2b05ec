import type { StateBackend } from './backend/backend.ts';
import type { CacheDatabaseConfig } from './config.ts';
import { ConfigError } from './errors.ts';
import { decodeId, Keys, ORDER_HASHES, TRADER_PREFIX } from './keys.ts';
import { SCHEMA_VERSION } from './layout.ts';

/** How the keys that a backend has for a trader were written. */
export interface StoredLayout {
  readonly keys: Keys;
  /** The other spelling of the hashes of the index. */
  readonly otherKeys: Keys;
  /** Written by this program in its own layout: every collection has a set of ids. */
  readonly isOwn: boolean;
  /** There is nothing yet. */
  readonly isNew: boolean;
  /** Why nothing may be written: the keys have another layout than the configuration. */
  readonly readOnlyBecause: ConfigError | undefined;
}

type Identity = { readonly traderId: string; readonly instanceId: string | undefined };

/** The layout of a trader that has no keys yet. */
export function newLayout(identity: Identity, { settings }: CacheDatabaseConfig): StoredLayout {
  const isOwn = settings.layout === 'own';
  return { ...spellings(identity, settings, isOwn), isOwn: false, isNew: true, readOnlyBecause: undefined };
}

/** Looks at what is there. Throws ConfigError for what a later version wrote. */
export async function findLayout(
  backend: StateBackend,
  identity: Identity,
  config: CacheDatabaseConfig,
): Promise<StoredLayout> {
  const { settings } = config;
  const own = spellings(identity, settings, true);
  const [schema] = await backend.read([{ type: 'string', key: own.keys.schema }]);
  if (schema?.type === 'error') throw schema.error;
  const version = schema?.type === 'string' && schema.value && Buffer.from(schema.value).toString();
  const who = `the state of trader "${identity.traderId}" in "${backend.url}"`;
  if (version === SCHEMA_VERSION) {
    const readOnlyBecause =
      settings.layout === 'own'
        ? undefined
        : new ConfigError(`${who} has the layout "own", and cannot be written as "${settings.layout}"`);
    return { ...own, isOwn: true, isNew: false, readOnlyBecause };
  }
  if (version !== undefined)
    throw new ConfigError(`${who} has version "${version}", which is not known here`);
  const stored = new Set(await backend.scan(own.keys.prefix));
  if (![...stored].some((key) => own.keys.owns(key))) return newLayout(identity, config);
  const found = spellings(identity, settings, false);
  const uses = (keys: Keys): boolean => ORDER_HASHES.some((name) => stored.has(keys.hash(name)));
  // One that was upgraded in place has both spellings, and goes on with that of the configuration.
  const isOther = settings.layout === 'own' || (uses(found.otherKeys) && !uses(found.keys));
  const readOnlyBecause = isOther
    ? new ConfigError(
        `${who} was not written in the layout "${settings.layout}" but by NautilusTrader; to write to it choose the ` +
          'layout of that release, or another trader',
      )
    : undefined;
  return { ...found, isOwn: false, isNew: false, readOnlyBecause };
}

function spellings(
  { traderId, instanceId }: Identity,
  { useTraderPrefix, useInstanceId, useHashTag, layout }: CacheDatabaseConfig['settings'],
  escapeIds: boolean,
): Pick<StoredLayout, 'keys' | 'otherKeys'> {
  const options = {
    traderId,
    instanceId: useInstanceId ? instanceId : undefined,
    useTraderPrefix,
    useHashTag,
    escapeIds,
  };
  const trailingColon = layout === 'nautilus-1.178';
  return {
    keys: new Keys({ ...options, trailingColon }),
    otherKeys: new Keys({ ...options, trailingColon: !trailingColon }),
  };
}

/** Ids of the traders that a backend has keys of, sorted; only those with the prefix `trader-` can be told. */
export async function findTraders(backend: StateBackend): Promise<string[]> {
  const keys = await backend.scan(TRADER_PREFIX);
  const names = keys.map((key) => /^\{?([^:}]+)\}?:/.exec(key.slice(TRADER_PREFIX.length))?.[1] ?? '');
  return [...new Set(names.filter((name) => name !== '').map(decodeId))].toSorted();
}
