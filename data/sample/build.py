#!/usr/bin/env python3
"""Make the bundled sample of daily prices again, byte for byte.

    python3 build.py SOURCES [OUTPUT]

OUTPUT is this script's own folder unless given. Python 3.8+, standard library only.
SOURCES is a folder with:

  bokeh_sampledata-2026.1-py3-none-any.whl    AAPL, GOOG, IBM, MSFT
      pip download --no-deps -d SOURCES bokeh-sampledata==2026.1
  pyalgotrade/   a copy of the repository gbeced/pyalgotrade      DIA, GLD, GORO, IEF, VTI
  pandas-ta/     a copy of the repository twopirllc/pandas-ta     SPY

The last two are needed as repositories because their published packages leave
the data files out. Without them the tickers they hold are skipped, and said so.
README.md tells where each figure is from and under which licence.
"""
import csv
import gzip
import io
import sys
import zipfile
from datetime import date
from decimal import Decimal, ROUND_HALF_EVEN
from pathlib import Path

HEADER = ['date', 'open', 'high', 'low', 'close', 'adj_close', 'volume', 'dividend', 'split', 'currency']
PRICES = HEADER[1:5]
FIRST, LAST = '2003-01-01', '2012-12-31'  # a common last day, so that the last week has every name
BOKEH = 'bokeh_sampledata-2026.1-py3-none-any.whl'

# Where the yearly files of PyAlgoTrade's samples are, and their years.
PYALGOTRADE = {
    'DIA': ('samples/data/DIA-{}-yahoofinance.csv', range(2009, 2013)),
    'GLD': ('samples/gld-{}-yahoofinance.csv', range(2006, 2013)),
    'GORO': ('samples/data/WIKI-GORO-{}-quandl.csv', range(2006, 2013)),
    'IEF': ('samples/data/IEF-{}-yahoofinance.csv', range(2007, 2014)),
    'VTI': ('samples/data/VTI-{}-yahoofinance.csv', range(2007, 2014)),
}
# Splits inside the range. The sources give no split column (or an empty one); each
# of these is checked against the step that it leaves in adj_close/close.
SPLITS = {'AAPL': {'2005-02-28': 2}, 'MSFT': {'2003-02-18': 2}, 'VTI': {'2008-06-18': 2}}
# These sources serve volume already adjusted for splits while the prices are not:
# all of VTI's volumes before the split are multiples of 200 shares, half of those after.
VOLUME_ADJUSTED = {'VTI'}


def text(number):
    """The shortest plain decimal, of six places at most; '' for a missing figure."""
    if number is None:
        return ''
    out = format(number.quantize(Decimal('1e-6'), ROUND_HALF_EVEN), 'f')
    return (out.rstrip('0').rstrip('.') or '0') if '.' in out else out


def bar(day, o, h, l, c, adj, volume):
    row = dict(zip(HEADER[:7], [day] + [Decimal(x) if x else None for x in (o, h, l, c, adj, volume)]))
    return dict(row, dividend=None, split=None, currency='USD')


def read_bokeh(path):
    """{ticker: bars} of the four long series in stocks.csv.gz."""
    with zipfile.ZipFile(path) as wheel:
        data = gzip.decompress(wheel.read('bokeh_sampledata/_data/stocks.csv.gz')).decode()
    series = {'AAPL': [], 'GOOG': [], 'IBM': [], 'MSFT': []}  # FB is left out: under 1,000 rows
    for r in csv.DictReader(io.StringIO(data)):
        if r['Ticker'] in series:
            series[r['Ticker']].append(bar(r['Date'], *(r[k] for k in (
                'Open', 'High', 'Low', 'Close', 'Adj Close', 'Volume'))))
    return series


def read_pyalgotrade(root, pattern, years):
    rows = []
    for year in years:
        with open(root / pattern.format(year), newline='') as f:
            for r in csv.DictReader(f):
                adj = r.get('Adj Close') or r['Adj. Close']  # Yahoo's name, or Quandl's
                rows.append(bar(r['Date'], r['Open'], r['High'], r['Low'], r['Close'], adj, r['Volume']))
    return rows


def read_spy(path):
    with open(path, newline='') as f:
        return [bar(r['date'], r['open'], r['high'], r['low'], r['close'], '', r['volume'])
                for r in csv.DictReader(f)]


def adjust_for_splits(ticker, rows):
    for day, ratio in SPLITS.get(ticker, {}).items():
        at = next(i for i, r in enumerate(rows) if r['date'] == day)
        before, after = rows[at - 1], rows[at]
        step = before['adj_close'] / before['close'] / (after['adj_close'] / after['close'])
        assert abs(step * ratio - 1) < Decimal('0.005'), (ticker, day, step)
        after['split'] = Decimal(ratio)
        for r in rows[:at]:
            for k in PRICES:
                r[k] /= ratio
            if ticker not in VOLUME_ADJUSTED:
                r['volume'] *= ratio


def dividends_exact(ticker, rows):
    """Dividends of the Quandl WIKI series, whose adj_close has some 12 digits.

    WIKI's factor steps by 1 + dividend/close OF the ex-date, so that the step gives
    the dividend back to the cent. Everyone else (Yahoo too) steps by
    1 - dividend/close of the day BEFORE; adj_close is worked out again that way.
    It also has to be for its level, which counts splits up to 2018.
    """
    for before, r in zip(rows, rows[1:]):
        step = r['adj_close'] / r['close'] / (before['adj_close'] / before['close'])
        if r['split']:
            step /= round(step)  # split-adjusted close, so this is a step of 1
        paid = r['close'] * (step - 1)
        cents = paid.quantize(Decimal('0.01'))
        if cents:
            assert abs(paid - cents) < Decimal('0.0001'), (ticker, r['date'], paid)
            r['dividend'] = cents


def rebuild_adj_close(rows):
    factor = Decimal(1)
    for before, r in zip(rows[-2::-1], rows[:0:-1]):
        r['adj_close'] = r['close'] * factor
        if r['dividend']:
            factor *= 1 - r['dividend'] / before['close']
    rows[0]['adj_close'] = rows[0]['close'] * factor


def dividends_from_steps(rows):
    """Dividends where adj_close is rounded to cents.

    Between two ex-dates adj_close/close is one constant. Each row bounds it to
    (adj_close +- half a cent)/close; a run of rows goes on while the bounds of all
    its rows still have a value in common, so rounding alone never ends one. A new run
    starts on an ex-date t, and the two runs' factors f give the dividend:
    f[before]/f[after] = 1 - dividend/close[t-1].
    """
    half = Decimal('0.00501')
    runs = []  # [index of the first row, lower bound, upper bound]
    for i, r in enumerate(rows):
        low, high = (r['adj_close'] - half) / r['close'], (r['adj_close'] + half) / r['close']
        if runs and max(low, runs[-1][1]) <= min(high, runs[-1][2]):
            runs[-1][1:] = max(low, runs[-1][1]), min(high, runs[-1][2])
        else:
            runs.append([i, low, high])
    for (_, l0, h0), (i, l1, h1) in zip(runs, runs[1:]):
        paid = rows[i - 1]['close'] * (1 - (l0 + h0) / (l1 + h1))
        rows[i]['dividend'] = paid.quantize(Decimal('0.0001'), ROUND_HALF_EVEN)


def check(ticker, rows):
    days = [r['date'] for r in rows]
    assert len(rows) >= 1000 and days == sorted(set(days)) and days[-1] == LAST, ticker
    for r in rows:
        body = r['open'], r['close']
        assert 0 < r['low'] <= min(body) and max(body) <= r['high'], (ticker, r)
        assert r['volume'] >= 0 and date.fromisoformat(r['date']).weekday() < 5, (ticker, r)
        assert r['dividend'] is None or 0 < r['dividend'] < r['close'] / 5, (ticker, r)
        for k in HEADER[1:7]:  # nothing finer than what is written, save the worked-out adj_close
            assert k == 'adj_close' or r[k] == Decimal(text(r[k])), (ticker, k, r)


def write(path, header, rows):
    with open(path, 'w', newline='') as f:
        out = csv.writer(f, lineterminator='\n')
        out.writerow(header)
        out.writerows(rows)


def main(sources, output):
    series = read_bokeh(sources / BOKEH)
    pyalgotrade, spy = sources / 'pyalgotrade', sources / 'pandas-ta' / 'data' / 'SPY_D.csv'
    for ticker, (pattern, years) in PYALGOTRADE.items():
        series[ticker] = read_pyalgotrade(pyalgotrade, pattern, years) if pyalgotrade.is_dir() else None
    series['SPY'] = read_spy(spy) if spy.is_file() else None

    for ticker, rows in sorted(series.items()):
        if rows is None:
            print(f'{ticker:5} skipped: its source is not in {sources}')
            continue
        rows.sort(key=lambda r: r['date'])
        adjust_for_splits(ticker, rows)
        if ticker in ('AAPL', 'GOOG', 'IBM', 'MSFT'):
            # cut before adj_close is worked out: nothing after the last day may touch it
            rows = [r for r in rows if FIRST <= r['date'] <= LAST]
            dividends_exact(ticker, rows)
            rebuild_adj_close(rows)
        elif ticker != 'SPY':  # SPY's source has no adj_close to read dividends from
            dividends_from_steps(rows)
        rows = [r for r in rows if FIRST <= r['date'] <= LAST]
        check(ticker, rows)
        write(output / f'{ticker}.csv', HEADER, (
            [r['date'], *(text(r[k]) for k in HEADER[1:9]), r['currency']] for r in rows))
        flat = sum(r['high'] == r['low'] for r in rows)
        print(f"{ticker:5} {len(rows)} rows {rows[0]['date']}..{rows[-1]['date']}"
              f" dividends {sum(r['dividend'] is not None for r in rows)}"
              f" splits {sum(r['split'] is not None for r in rows)}"
              f" flat {flat} zero volume {sum(not r['volume'] for r in rows)}")
    write(output / 'universe.csv', ['id', 'numerai_ticker', 'bloomberg_ticker', 'yahoo'],
          ([t, f'{t} US', f'{t} US', t] for t in sorted(series)))


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else Path(__file__).resolve().parent)
