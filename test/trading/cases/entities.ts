import { expect } from '@jest/globals';
import { Account } from '../../../jobs/trading/domain/account.ts';
import { accountState, AUD, AUDUSD, SYNTHETIC } from '../../support/trading.ts';
import { BACKENDS, key, listAt, textAt, type Case } from './case.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);

/** General objects, currencies, instruments, accounts. */
export const entityCases: readonly Case[] = [
  {
    number: 1,
    name: 'load on an empty database gives nothing',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      expect(new Map(await db.load())).toEqual(new Map());
    },
  },
  {
    number: 2,
    name: 'bytes under a name come back whole, whatever the bytes and the name, with an instance id too',
    backends: BACKENDS,
    async run({ open, store }) {
      const plain = await open();
      await plain.add('k', everyByte);
      await plain.add('a:b:c', Buffer.from('x'));
      expect(await textAt(store, key('general:a%3Ab%3Ac'))).toBe('x');
      const withInstance = await open({ useInstanceId: true }, { instanceId: 'I-1' });
      await withInstance.add('a:b:c', Buffer.from('y'));
      const bytes = [...(await plain.load())].map(([name, value]) => [name, [...value]]);
      expect(Object.fromEntries(bytes)).toEqual({ k: [...everyByte], 'a:b:c': [120] });
      expect([...(await withInstance.load())].map(([name, value]) => [name, [...value]])).toEqual([
        ['a:b:c', [121]],
      ]);
    },
  },
  {
    number: 3,
    name: 'a currency comes back as it was, and one that is not there is undefined',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      expect(await db.loadCurrency('AUD')).toBeUndefined();
      await db.addCurrency(AUD);
      expect(await db.loadCurrency('AUD')).toEqual(AUD);
      expect(new Map(await db.loadCurrencies())).toEqual(new Map([['AUD', AUD]]));
    },
  },
  {
    number: 4,
    name: 'an instrument comes back as it was, and one that is not there is undefined',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      expect(await db.loadInstrument(AUDUSD.id)).toBeUndefined();
      expect(new Map(await db.loadInstruments())).toEqual(new Map());
      await db.addInstrument(AUDUSD);
      expect(await db.loadInstrument(AUDUSD.id)).toEqual(AUDUSD);
      expect(new Map(await db.loadInstruments())).toEqual(new Map([[AUDUSD.id, AUDUSD]]));
    },
  },
  {
    number: 5,
    name: 'a synthetic instrument comes back as it was; an id of another venue is a RangeError',
    backends: BACKENDS,
    async run({ open }) {
      const db = await open();
      await expect(db.loadSynthetic('AUD/USD.SIM')).rejects.toThrow(RangeError);
      expect(await db.loadSynthetic('BTC-ETH.SYNTH')).toBeUndefined();
      await db.addSynthetic(SYNTHETIC);
      expect(await db.loadSynthetic('BTC-ETH.SYNTH')).toEqual(SYNTHETIC);
      expect(new Map(await db.loadSynthetics())).toEqual(new Map([['BTC-ETH.SYNTH', SYNTHETIC]]));
      expect(() => db.addSynthetic({ ...SYNTHETIC, components: ['A.B'] })).toThrow(RangeError);
    },
  },
  {
    number: 6,
    name: 'an account is the list of its states, and the last one counts',
    backends: BACKENDS,
    async run({ open, store }) {
      const db = await open();
      expect(await db.loadAccount('SIM-000')).toBeUndefined();
      expect(new Map(await db.loadAccounts())).toEqual(new Map());
      const account = new Account(accountState('1000.00'));
      await db.addAccount(account);
      expect((await db.loadAccount('SIM-000'))!.events).toEqual(account.events);
      for (const total of ['1100.00', '1234.50']) {
        account.apply(accountState(total));
        await db.updateAccount(account);
      }
      expect(await listAt(store, key('accounts:SIM-000'))).toHaveLength(3);
      const loaded = (await db.loadAccounts()).get('SIM-000')!;
      expect(loaded.events).toEqual(account.events);
      expect(loaded.state.balances[0]!.total).toEqual({ units: 123450n, scale: 2 });
    },
  },
];
