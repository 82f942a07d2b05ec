import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { candidates, toBloombergTicker, toNumeraiTicker } from '../../jobs/market/symbols/candidates.ts';
import { EXCHANGES } from '../../jobs/market/symbols/exchanges.ts';
import { isSymbol } from '../../jobs/market/universe.ts';

const symbolsOf = (ticker: string): string[] => {
  const found = candidates(ticker);
  return found.kind === 'candidates' ? found.candidates.map(({ symbol }) => symbol) : [found.code];
};

describe('candidates of a Bloomberg ticker', () => {
  // Names with several candidates are below; pairs as Numerai's map of 2023 and an older list of corrections had them.
  test.each([
    ['US: no suffix', 'AAPL US', 'AAPL'],
    ['US: a class after a slash', 'BRK/B US', 'BRK-B'],
    ['US: a class after a slash', 'LGF/A US', 'LGF-A'],
    ['US: a class after a slash', 'MOG/A US', 'MOG-A'],
    ['US: exchange codes', 'AAPL UW', 'AAPL'],
    ['US: exchange codes', 'IBM UN', 'IBM'],
    ['US: exchange codes', 'SITM UQ', 'SITM'],
    ['US: exchange codes', 'GORO UA', 'GORO'],
    ['US: exchange codes', 'ADAP UR', 'ADAP'],
    ['LN: a slash at the end', 'BP/ LN', 'BP.L'],
    ['LN: a slash at the end', 'TW/ LN', 'TW.L'],
    ['LN: a class', 'BT/A LN', 'BT-A.L'],
    ['LN', 'AZN LN', 'AZN.L'],
    ['JP', '7203 JP', '7203.T'],
    ['JP: codes with letters', '130A JP', '130A.T'],
    ['JP', '9010 JT', '9010.T'],
    ['HK: padded to four digits', '1 HK', '0001.HK'],
    ['HK: padded to four digits', '700 HK', '0700.HK'],
    ['HK: padded to four digits', '1299 HK', '1299.HK'],
    ['HK: five digits stay', '80700 HK', '80700.HK'],
    ['KP: KOSPI', '000660 KP', '000660.KS'],
    ['KQ: KOSDAQ', '035900 KQ', '035900.KQ'],
    ['CT: Toronto', 'CNR CT', 'CNR.TO'],
    ['CV: TSX Venture', 'PRE CV', 'PRE.V'],
    ['CT: trust units', 'BEP-U CT', 'BEP-UN.TO'],
    ['CT: a class', 'TECK/B CT', 'TECK-B.TO'],
    ['AU', 'BHP AU', 'BHP.AX'],
    ['AU', 'OPT AT', 'OPT.AX'],
    ['FP', 'MC FP', 'MC.PA'],
    ['SM', 'FDR SM', 'FDR.MC'],
    ['SM', 'SAN SQ', 'SAN.MC'],
    ['IM', 'A2A IM', 'A2A.MI'],
    ['NA', 'ALFEN NA', 'ALFEN.AS'],
    ['SS: no class', 'XVIVO SS', 'XVIVO.ST'],
    ['SS: a blank before the class', 'MCOV B SS', 'MCOV-B.ST'],
    ['SS: a last letter that is no class', 'ALFA SS', 'ALFA.ST'],
    ['SS: a last letter that is no class', 'NOBINA SS', 'NOBINA.ST'],
    ['SS: two letters and a class', 'HMB SS', 'HM-B.ST'],
    ['SS: two letters without one', 'ABB SS', 'ABB.ST'],
    ['DC: no class', 'DSV DC', 'DSV.CO'],
    ['DC: a last letter that is no class', 'GMAB DC', 'GMAB.CO'],
    ['FH', 'QTCOM FH', 'QTCOM.HE'],
    ['NO', 'ODL NO', 'ODL.OL'],
    ['SW', 'ABBN SW', 'ABBN.SW'],
    ['SW', 'NESN SE', 'NESN.SW'],
    ['SW', 'NOVN VX', 'NOVN.SW'],
    ['SJ', 'NPN SJ', 'NPN.JO'],
    ['IS: NSE', 'TCS IS', 'TCS.NS'],
    ['IB: BSE', 'TCS IB', 'TCS.BO'],
    ['TB', 'AWC TB', 'AWC.BK'],
    ['IJ', 'TOWR IJ', 'TOWR.JK'],
    ['PM', 'BDO PM', 'BDO.PS'],
    ['NZ', 'FPH NZ', 'FPH.NZ'],
    ['MF: an asterisk at the end', 'AC* MF', 'AC.MX'],
    ['MF: an ampersand stays', 'PE&OLES* MF', 'PE&OLES.MX'],
    ['BZ', 'PETR4 BZ', 'PETR4.SA'],
    ['BZ', 'VALE3 BS', 'VALE3.SA'],
    ['TI', 'GARAN TI', 'GARAN.IS'],
    ['IT', 'TEVA IT', 'TEVA.TA'],
    ['PW', '11B PW', '11B.WA'],
    ['AV', 'OMV AV', 'OMV.VI'],
    ['BB', 'VGP BB', 'VGP.BR'],
    ['PL', 'EDP PL', 'EDP.LS'],
    ['GA', 'OPAP GA', 'OPAP.AT'],
    ['HB', 'OTP HB', 'OTP.BD'],
    ['CP', 'CEZ CP', 'CEZ.PR'],
    ['CP', 'CEZ CK', 'CEZ.PR'],
    ['CH: 6 is Shanghai', '600519 CH', '600519.SS'],
    ['CH: 9 is Shanghai', '900901 C1', '900901.SS'],
    ['CH: 0 is Shenzhen', '000333 CH', '000333.SZ'],
    ['CH: 2 is Shenzhen', '200596 CH', '200596.SZ'],
    ['CH: 3 is Shenzhen', '300750 C2', '300750.SZ'],
    ['CG', '601318 CG', '601318.SS'],
    ['CS', '002594 CS', '002594.SZ'],
    ['CI', 'SQM/B CI', 'SQM-B.SN'],
    ['CI', 'CHILE CC', 'CHILE.SN'],
    ['AB', '1120 AB', '1120.SR'],
    ['AB', '2222 SA', '2222.SR'],
    ['QD', 'QNBK QD', 'QNBK.QA'],
    ['UH', 'EMAAR UH', 'EMAAR.AE'],
    ['KK', 'NBK KK', 'NBK.KW'],
  ])('%s: %s is %s', (_rule, ticker, symbol) => expect(symbolsOf(ticker)).toEqual([symbol]));

  test.each([
    ['KS: board not in the code', '138250 KS', ['138250.KS', '138250.KQ']],
    ['TT: board not in the code', '2330 TT', ['2330.TW', '2330.TWO']],
    ['GR: Xetra, then Frankfurt', 'SAP GR', ['SAP.DE', 'SAP.F']],
    ['GR: Xetra, then Frankfurt', 'SIE GY', ['SIE.DE', 'SIE.F']],
    ['CN: Toronto, Venture, NEO, CSE', 'ONEX CN', ['ONEX.TO', 'ONEX.V', 'ONEX.NE', 'ONEX.CN']],
    ['CN: a slash at the end', 'CFP/ CA', ['CFP.TO', 'CFP.V', 'CFP.NE', 'CFP.CN']],
    ['CN: trust units', 'BEP-U CN', ['BEP-UN.TO', 'BEP-UN.V', 'BEP-UN.NE', 'BEP-UN.CN']],
    ['IN: NSE, then BSE', 'TCS IN', ['TCS.NS', 'TCS.BO']],
    ['SS: class, then none', 'VOLVB SS', ['VOLV-B.ST', 'VOLVB.ST']],
    ['SS: class, then none', 'EPIA SS', ['EPI-A.ST', 'EPIA.ST']],
    ['SS: class, then none', 'INDUC SS', ['INDU-C.ST', 'INDUC.ST']],
    ['SS: class, then none', 'EMBRACB SS', ['EMBRAC-B.ST', 'EMBRACB.ST']],
    ['SS: a digit before the class', 'TEL2B SS', ['TEL2-B.ST', 'TEL2B.ST']],
    ['SS: depositary receipts', 'KINDSDB SS', ['KIND-SDB.ST', 'KINDSDB.ST']],
    ['DC: class, then none', 'NOVOB DC', ['NOVO-B.CO', 'NOVOB.CO']],
  ])('%s: %s may be %j', (_rule, ticker, symbols) => {
    expect(symbolsOf(ticker)).toEqual(symbols);
    expect(candidates(ticker)).toMatchObject({ isDoubtful: true });
  });

  test('say which listing is expected, so that it can be checked', () => {
    expect(candidates('138250 KS')).toMatchObject({
      candidates: [
        { symbol: '138250.KS', exchanges: ['KSC'], currencies: ['KRW'] },
        { symbol: '138250.KQ', exchanges: ['KOE'], currencies: ['KRW'] },
      ],
    });
    expect(candidates('AAPL US')).toMatchObject({ isDoubtful: false });
    expect(candidates('BDO PM')).toMatchObject({ isDoubtful: true });
  });

  test.each([
    ['AMM MK', 'table-only', 'symbols of MK cannot be derived, only listed in the corrections'],
    ['DBS SP', 'table-only', 'symbols of SP cannot be derived, only listed in the corrections'],
    ['RYA ID', 'table-only', 'symbols of ID cannot be derived, only listed in the corrections'],
    ['GAZP RM', 'not-on-yahoo', 'Yahoo has no prices of exchange RM'],
    ['GAZP RX', 'not-on-yahoo', 'Yahoo has no prices of exchange RX'],
    ['VNM VN', 'unknown-exchange', "no rule for Bloomberg's exchange code VN"],
    ['430047 CH', 'malformed', '"430047 CH" is not a name of exchange CH'],
    ['920799 CH', 'malformed', '"920799 CH" is not a name of exchange CH'],
    ['600519 CS', 'malformed', '"600519 CS" is not a name of exchange CS'],
    ['660 KS', 'malformed', '"660 KS" is not a name of exchange KS'],
    ['TENCENT HK', 'malformed', '"TENCENT HK" is not a name of exchange HK'],
    ['AOT-R TB', 'malformed', '"AOT-R TB" is not a name of exchange TB'],
    ['AOT/F TB', 'malformed', '"AOT/F TB" is not a name of exchange TB'],
    ['/ LN', 'malformed', '"/ LN" is not a Bloomberg ticker such as "7203 JP"'],
    ['AAPL', 'malformed', '"AAPL" is not a Bloomberg ticker such as "7203 JP"'],
    ['aapl US', 'malformed', '"aapl US" is not a Bloomberg ticker such as "7203 JP"'],
    ['', 'malformed', '"" is not a Bloomberg ticker such as "7203 JP"'],
    ['../../x US', 'malformed', '"../../x US" is not a Bloomberg ticker such as "7203 JP"'],
  ])('%s is refused: %s', (ticker, code, reason) => {
    expect(candidates(ticker)).toEqual({ kind: 'refused', code, reason });
  });

  const codes = EXCHANGES.flatMap((exchange) => exchange.codes);
  const inputs = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.string(), fc.constantFrom(...codes)).map((parts) => parts.join(' ')),
    fc
      .tuple(fc.stringMatching(/^[A-Z0-9&*/ -]{1,12}$/), fc.constantFrom(...codes))
      .map((parts) => parts.join(' ')),
  );

  test('whatever the input, they are symbols or a refusal of one line', () => {
    fc.assert(
      fc.property(inputs, (ticker) => {
        const found = candidates(ticker);
        if (found.kind === 'refused') return found.reason.length > 0;
        const symbols = found.candidates.map(({ symbol }) => symbol);
        return symbols.length > 0 && symbols.every(isSymbol) && new Set(symbols).size === symbols.length;
      }),
      { numRuns: 2000 },
    );
  });

  test('a name has the same candidates under its numerai ticker', () => {
    fc.assert(
      fc.property(inputs, (ticker) => {
        const numerai = toNumeraiTicker(ticker);
        if (numerai === undefined) return;
        const back = toBloombergTicker(numerai);
        const first = candidates(ticker);
        if (back.kind !== 'ticker' || first.kind === 'refused') return;
        const second = candidates(back.ticker);
        const known = second.kind === 'candidates' ? second.candidates.map(({ symbol }) => symbol) : [];
        for (const { symbol } of first.candidates) expect(known).toContain(symbol);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('numerai tickers', () => {
  test.each([
    ['000640 KR', '000640 KS'],
    ['A2A IT', 'A2A IM'],
    ['ABBN CH', 'ABBN SW'],
    ['1103 TW', '1103 TT'],
    ['TEVA IL', 'TEVA IT'],
    ['600519 CN', '600519 CH'],
    ['RY CA', 'RY CN'],
    ['SAP DE', 'SAP GR'],
    ['MCOV B SE', 'MCOV B SS'],
    ['BP/ GB', 'BP/ LN'],
  ])('%s is %s at Bloomberg, and back', (numerai, bloomberg) => {
    expect(toBloombergTicker(numerai)).toEqual({ kind: 'ticker', ticker: bloomberg });
    expect(toNumeraiTicker(bloomberg)).toBe(numerai);
  });

  test('of a country without a rule, or of none, are refused', () => {
    expect(toBloombergTicker('VNM VN')).toMatchObject({ kind: 'refused', code: 'unknown-exchange' });
    expect(toBloombergTicker('AAPL')).toMatchObject({ kind: 'refused', code: 'malformed' });
    expect(toNumeraiTicker('VNM VN')).toBeUndefined();
    expect(toNumeraiTicker('AAPL')).toBeUndefined();
  });
});

test('no code stands in two exchanges', () => {
  const codes = EXCHANGES.flatMap((exchange) => exchange.codes);
  expect(new Set(codes).size).toBe(codes.length);
});
