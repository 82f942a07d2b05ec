"""Strategies worked out a second time, with exact decimals and an account that books one event after another.

Reads the CSV files of data/sample and writes strategies/values.json. Needs Python's standard library only.
"""

import csv
import json
import math
from bisect import bisect_right
from datetime import date, timedelta
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 40

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parents[1] / "data" / "sample"


def read_sample(ticker):
    """Rows of (date, close, volume, dividend, split), of which all but the date can be None."""
    with open(SAMPLE / f"{ticker}.csv", newline="") as file:
        return [
            (
                row["date"],
                number(row["close"]),
                number(row["volume"]),
                number(row["dividend"]),
                number(row["split"]),
            )
            for row in csv.DictReader(file)
        ]


def number(text):
    return Decimal(text) if text else None


def with_gaps(rows):
    """Without some closes, also on ex-dates and payment dates, with more dividends, and with an end nobody trades at."""
    result = []
    for index, (day, close, volume, dividend, split) in enumerate(rows):
        if index % 7 in (3, 4) or index >= len(rows) - 2:
            close = None
        if index % 10 == 3 or index % 35 == 34:
            dividend = Decimal(index % 9 + 1) / 20
        result.append((day, close, volume, dividend, split))
    return result


class Account:
    """What somebody has who holds one stock: shares, money that is owed, money that is kept."""

    def __init__(self, money, cost):
        self.cost = cost
        self.shares = Decimal(0)
        self.kept = Decimal(0)
        self.owed = []  # [first row on which it can be spent, amount]
        self.buying_power = money

    def buy(self, money, price):
        self.shares += money / (price * (1 + self.cost))

    def worth(self, price):
        return self.shares * price + sum((amount for _, amount in self.owed), Decimal(0)) + self.kept


def reinvest(rows, start, mode, lag=0, cost="0", withholding="0", raw=False):
    rows = [row for row in rows if row[0] >= start]
    traded = [index for index, row in enumerate(rows) if row[1] is not None]
    rows = rows[traded[0] : traded[-1] + 1]
    account = Account(Decimal(1000), Decimal(cost))
    series = []
    for index, (day, close, _, dividend, split) in enumerate(rows):
        ahead = Decimal(1)
        if raw:
            for later in rows[index + 1 :]:
                ahead *= later[4] or 1
        if index == 0:
            account.buy(account.buying_power, close * ahead)
        else:
            if raw and split:
                account.shares *= split
            if dividend:
                amount = account.shares * dividend * ahead * (1 - Decimal(withholding))
                if mode == "none":
                    account.kept += amount
                else:
                    account.owed.append([index + (lag if mode == "payDate" else 0), amount])
        if close is None:
            series.append((day, series[-1][1]))
            continue
        for _, amount in [owed for owed in account.owed if owed[0] <= index]:
            account.buy(amount, close * ahead)
        account.owed = [owed for owed in account.owed if owed[0] > index]
        series.append((day, account.worth(close * ahead)))
    return series


def basket(parts, weights, new_period, cost):
    """Money in each component, moved by its returns; at the first date of a period it is dealt out again."""
    tables = [dict(part) for part in parts]
    days = sorted(set.intersection(*[set(table) for table in tables]))
    weights = [Decimal(weight) for weight in weights]
    money = [Decimal(1000) * weight for weight in weights]
    series = [(days[0], sum(money))]
    for before, day in zip(days, days[1:]):
        money = [m * table[day] / table[before] for m, table in zip(money, tables)]
        if new_period(before) != new_period(day):
            total = sum(money)
            moved = sum(abs(weight * total - m) for weight, m in zip(weights, money))
            total -= Decimal(cost) * moved
            money = [weight * total for weight in weights]
        series.append((day, sum(money)))
    return series


def quarter(day):
    return day[:4], (int(day[5:7]) - 1) // 3


def saturday_week(day):
    return (date.fromisoformat(day) - date(2000, 1, 1)).days // 7  # 2000-01-01 was a Saturday


def month_end(day):
    first = date.fromisoformat(day).replace(day=1)
    return (first + timedelta(days=32)).replace(day=1).isoformat()


def choose(samples, day):
    """Half of the names by mean dollar volume of the last month that is over, of them those with a positive return
    over 63 closes, and of them the two with the lowest close a week before."""
    names = sorted(samples)
    liquidity = {}
    for name in names:
        months = {}
        for row in samples[name]:
            if month_end(row[0]) <= next_day(day):
                months.setdefault(row[0][:7], []).append(row[1] * row[2])
        if months:
            last = months[max(months)]
            liquidity[name] = sum(last) / len(last)
    count = math.ceil(len(liquidity) * 50 / 100)
    left = sorted(liquidity, key=lambda name: (-liquidity[name], name))[:count]
    closes = {name: [row[1] for row in samples[name] if row[0] <= day] for name in left}
    left = [name for name in left if len(closes[name]) > 63 and closes[name][-1] > closes[name][-64]]
    known = (date.fromisoformat(day) - timedelta(days=7)).isoformat()
    price = {}
    for name in left:
        at = bisect_right([row[0] for row in samples[name]], known)
        if at:
            price[name] = samples[name][at - 1][1]
    return sorted(sorted(price, key=lambda name: (price[name], name))[:2])


def next_day(day):
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def record(recipe, series, **more):
    """Every 50th level and the last three."""
    picked = sorted({*range(0, len(series), 50), *range(max(0, len(series) - 3), len(series))})
    return {
        **more,
        "recipe": recipe,
        "dates": len(series),
        "levels": [[series[index][0], float(series[index][1])] for index in picked],
    }


def main():
    stocks = []
    for ticker, start, mode, lag, cost, withholding, raw in [
        ("IBM", "2003-01-02", "exClose", None, "0", "0", False),
        ("IBM", "2003-01-02", "exClose", None, "0.001", "0.15", False),
        ("IBM", "2004-02-01", "payDate", 20, "0.0005", "0.3", False),
        ("MSFT", "2003-01-02", "payDate", 60, "0", "0", True),
        ("MSFT", "2003-01-02", "none", None, "0.002", "0.15", True),
        ("VTI", "2008-01-01", "exClose", None, "0.001", "0", True),
    ]:
        for gaps in (False, True):
            rows = read_sample(ticker)
            if gaps:
                rows = with_gaps([row for row in rows if row[0] >= start][:400])
            series = reinvest(rows, start, mode, lag or 0, cost, withholding, raw)
            recipe = {
                "ticker": ticker,
                "start": start,
                "mode": mode,
                "cost": float(cost),
                "withholding": float(withholding),
                "basis": "raw" if raw else "adjusted",
            }
            if lag is not None:
                recipe["payLag"] = lag
            bars = [[row[0], *(None if v is None else float(v) for v in row[1:])] for row in rows] if gaps else None
            stocks.append(record(recipe, series, bars=bars))

    baskets = []
    for tickers, weights, period, first_of, cost in [
        (["IBM", "MSFT", "VTI"], ["0.5", "0.3", "0.2"], quarter, "quarter", "0.001"),
        (["IBM", "GLD", "IEF"], ["1.3", "-0.5", "0.2"], saturday_week, "week", "0.0002"),
        (["AAPL", "DIA"], ["0.6", "0.4"], lambda day: day[:7], "month", "0"),
    ]:
        parts = [reinvest(read_sample(ticker), "2003-01-01", "exClose") for ticker in tickers]
        series = basket(parts, weights, period, cost)
        recipe = {
            "tickers": tickers,
            "weights": [float(weight) for weight in weights],
            "firstOf": first_of,
            "cost": float(cost),
        }
        baskets.append(record(recipe, series))

    names = ["AAPL", "DIA", "GLD", "GOOG", "GORO", "IBM", "IEF", "MSFT", "VTI"]
    samples = {name: read_sample(name) for name in names}
    days = [f"{year}-{month:02}-{day:02}" for year in range(2004, 2013) for month, day in ((2, 28), (6, 30), (10, 31))]
    filters = [[day, choose(samples, day)] for day in days]

    values = {"stocks": stocks, "baskets": baskets, "filters": {"tickers": names, "chosen": filters}}
    folder = HERE / "strategies"
    folder.mkdir(exist_ok=True)
    with open(folder / "values.json", "w") as file:
        json.dump(values, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
