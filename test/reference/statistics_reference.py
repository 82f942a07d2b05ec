"""Reference values of the statistics, by numpy, scipy, cvxpy and PyPortfolioOpt.

Reads statistics/prices.csv, writes statistics/values.json. Nothing in it shares code with the project: means and
deviations are those of numpy, likelihoods are maximised or fitted by scipy, portfolios are solved by cvxpy (Clarabel)
and by PyPortfolioOpt's critical line algorithm.
"""

import csv
import datetime
import json
import pathlib

import cvxpy
import numpy as np
from pypfopt.cla import CLA
from scipy import optimize, stats

HERE = pathlib.Path(__file__).parent / "statistics"
PER_YEAR = {"equity": 252, "crypto": 365}
MATURITY_RATE = 0.0154

table = list(csv.DictReader(open(HERE / "prices.csv")))
TICKERS = [name for name in table[0] if name != "date"]


def series(ticker, dates=None):
    rows = [(r["date"], float(r[ticker])) for r in table if r[ticker] != ""]
    return [(d, p) for d, p in rows if dates is None or d in dates]


def kind(ticker):
    return "crypto" if ticker.endswith("-USD") else "equity"


def returns(rows, unit):
    closes = np.array([p for _, p in rows])
    days = np.array([datetime.date.fromisoformat(d).toordinal() for d, _ in rows])
    r = np.diff(np.log(closes))
    return r, (np.diff(days).astype(float) if unit == "days" else np.ones(len(r)))


SESSIONS = {d for d, _ in series("SPY")}


def ticker_rows(ticker, weekends):
    return series(ticker, None if weekends or kind(ticker) == "equity" else SESSIONS)


def unit_of(*tickers):
    return "days" if all(kind(t) == "crypto" for t in tickers) else "sessions"


def profile(rows, unit, method, a):
    r, k = returns(rows, unit)
    if method == "moments":
        rate = r.sum() / k.sum()
        if (k == 1).all():
            variance = np.var(r, ddof=1)
        else:
            variance = np.sum((r - rate * k) ** 2 / k) / (len(r) - 1)
    elif method == "likelihood":
        if (k == 1).all():
            rate, scale = stats.norm.fit(r)
            variance = scale**2
        else:
            # The regression of r / sqrt(k) on sqrt(k): its maximum likelihood is that of the returns.
            (rate,), residual, _, _ = np.linalg.lstsq(np.sqrt(k)[:, None], r / np.sqrt(k), rcond=None)
            variance = residual[0] / len(r)
    else:
        def quartiles(at):
            return np.quantile((r - at * k) / np.sqrt(k), [0.25, 0.75], method="weibull")

        rate = optimize.brentq(lambda at: sum(quartiles(at)), min(r / k), max(r / k), xtol=1e-18, rtol=1e-15)
        low, high = quartiles(rate)
        variance = ((high - low) / (2 * stats.norm.ppf(0.75))) ** 2
    return {"annual_return": a * rate + a * variance / 2, "annual_volatility": np.sqrt(a * variance), "drift": a * rate}


def correlation(x, y, method, weekends):
    rows_x, rows_y = ticker_rows(x, weekends), ticker_rows(y, weekends)
    common = {d for d, _ in rows_x} & {d for d, _ in rows_y}
    unit = unit_of(x, y)
    (a, k), (b, _) = (returns([row for row in rows if row[0] in common], unit) for rows in (rows_x, rows_y))
    if method != "percentiles":
        return np.corrcoef(a, b)[0, 1]
    a, b = ((v / np.sqrt(k) - np.mean(v / np.sqrt(k))) / np.std(v / np.sqrt(k), ddof=1) for v in (a, b))
    levels = [0.1, 0.16, 0.5, 0.84, 0.9]
    qa, qb = np.quantile(a, levels, method="weibull"), np.quantile(b, levels, method="weibull")
    shares = [np.mean((a <= h) & (b <= q)) for h, q in zip(qa, qb)]

    def misfit(rho):
        normal = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]])
        return sum((normal.cdf([h, q]) - share) ** 2 for h, q, share in zip(qa, qb, shares))

    grid = np.linspace(-0.99, 0.99, 100)
    start = grid[np.argmin([misfit(rho) for rho in grid])]
    # Scaled, since the smallest squares are close to 1e-6 where the search compares them.
    found = optimize.minimize_scalar(
        lambda rho: 1e6 * misfit(rho), bounds=(start - 0.03, min(0.99999, start + 0.03)), method="bounded",
        options={"xatol": 1e-11},
    )
    return found.x


def tails(price, mu, sigma, p, t):
    law = stats.lognorm(s=sigma * np.sqrt(t), scale=price * np.exp((mu - sigma**2 / 2) * t))
    q = law.ppf(p)
    return {"value_at_risk": q, "conditional_value_at_risk": law.expect(lambda s: s, ub=q, epsabs=1e-13, epsrel=1e-13) / p}


def discounted(payments, today, rate):
    first, last = payments[0][0], payments[-1][0]
    years = [(d - first).days / 365 for d, _ in payments]
    beta, alpha = np.polyfit(years, [a for _, a in payments], 1)
    period = years[-1] / (len(years) - 1)
    now = (today - first).days / 365
    due, value = years[-1], 0.0
    while due < now:
        due += period
    while True:
        term = (alpha + beta * due) / (1 + rate) ** (due - now)
        if term <= 0 or term < 1e-16 * value:
            return value
        value += term
        due += period


CLARABEL = dict(solver=cvxpy.CLARABEL, tol_gap_abs=1e-13, tol_gap_rel=1e-13, tol_feas=1e-13)


def solve(objective, constraints):
    cvxpy.Problem(objective, constraints).solve(**CLARABEL)


def portfolios(mu, cov, low, high, rf):
    n = len(mu)
    root = np.linalg.cholesky(cov).T

    def least(extra):
        w = cvxpy.Variable(n)
        solve(cvxpy.Minimize(cvxpy.sum_squares(root @ w)), [cvxpy.sum(w) == 1, w >= low, w <= high, *extra(w)])
        return w.value

    minimum = least(lambda w: [])
    top = cvxpy.Variable(n)
    solve(cvxpy.Maximize(mu @ top), [cvxpy.sum(top) == 1, top >= low, top <= high])
    bottom = cvxpy.Variable(n)
    solve(cvxpy.Minimize(mu @ bottom), [cvxpy.sum(bottom) == 1, bottom >= low, bottom <= high])
    targets = {
        "efficient": 0.5 * (mu @ minimum + mu @ top.value),
        "below": 0.5 * (mu @ minimum + mu @ bottom.value),
    }
    # Maximum Sharpe: least variance at an excess return of 1, then scaled back.
    y, scale = cvxpy.Variable(n), cvxpy.Variable()
    solve(
        cvxpy.Minimize(cvxpy.sum_squares(root @ y)),
        [(mu - rf) @ y == 1, cvxpy.sum(y) == scale, y >= low * scale, y <= high * scale, scale >= 0],
    )

    def cvar(w):
        return 1 - np.exp(w @ mu * 0.5) * stats.norm.cdf(stats.norm.ppf(0.05) - np.sqrt(w @ cov @ w * 0.5)) / 0.05

    def at(target):
        return least(lambda w: [mu @ w == target])

    level = optimize.minimize_scalar(
        lambda target: cvar(at(target)), bounds=(mu @ minimum, mu @ top.value), method="bounded", options={"xatol": 1e-10}
    ).x
    best = at(level)
    return {
        "bounds": [low, high],
        "minimum_variance": minimum.tolist(),
        "maximum_return": top.value.tolist(),
        "interval": [float(mu @ bottom.value), float(mu @ top.value)],
        "targets": {name: {"target": float(value), "weights": at(value).tolist()} for name, value in targets.items()},
        "maximum_sharpe": (y.value / scale.value).tolist(),
        "minimum_cvar": {"weights": best.tolist(), "cvar": float(cvar(best))},
    }


def market_of(tickers, method="moments"):
    profiles = [profile(ticker_rows(t, False), unit_of(t), method, PER_YEAR[kind(t)]) for t in tickers]
    mu = np.array([p["annual_return"] for p in profiles])
    sigma = np.array([p["annual_volatility"] for p in profiles])
    rho = np.array([[1.0 if x == y else correlation(x, y, method, False) for y in tickers] for x in tickers])
    return mu, rho * np.outer(sigma, sigma)


def main():
    methods = ["moments", "percentiles", "likelihood"]
    values = {"profiles": [], "correlations": [], "tails": [], "averages": [], "risk_free": MATURITY_RATE}
    for ticker in TICKERS:
        for weekends in [False, True] if kind(ticker) == "crypto" else [False]:
            for method in methods:
                rows = ticker_rows(ticker, weekends)
                found = profile(rows, unit_of(ticker), method, PER_YEAR[kind(ticker)])
                values["profiles"].append({"ticker": ticker, "method": method, "weekends": weekends, **found})
                price = rows[-1][1]
                values["tails"].append(
                    {"ticker": ticker, "method": method, "weekends": weekends, "price": price, "probability": 0.05, "years": 0.5,
                     **tails(price, found["annual_return"], found["annual_volatility"], 0.05, 0.5)}
                )
    for method in methods:
        for i, x in enumerate(TICKERS):
            for y in TICKERS[i + 1:]:
                values["correlations"].append(
                    {"tickers": [x, y], "method": method, "correlation": correlation(x, y, method, False)}
                )
    for method in methods:
        rows = ticker_rows("BTC-USD", True)
        last = [profile(rows[i - 20: i + 1], "days", method, 365)["drift"] for i in range(20, len(rows), 40)]
        values["averages"].append({"ticker": "BTC-USD", "method": method, "window": 20, "every": 40, "drift": last})
    # Real dividends: AAPL's and IBM's of 2010 to 2012 as in data/sample.
    sample = pathlib.Path(__file__).parents[2] / "data/sample"
    values["dividends"] = []
    for ticker, start, rate in [("IBM", "2008-01-01", 0.08), ("IBM", "2003-01-01", 0.12), ("VTI", "2007-01-01", 0.05)]:
        payments = [
            (datetime.date.fromisoformat(r["date"]), float(r["dividend"]))
            for r in csv.DictReader(open(sample / f"{ticker}.csv"))
            if r["dividend"] != "" and r["date"] >= start
        ]
        values["dividends"].append(
            {"ticker": ticker, "start": start, "today": "2012-12-31", "rate": rate,
             "value": discounted(payments, datetime.date(2012, 12, 31), rate)}
        )
    falling = [(datetime.date(2010, 1, 4) + datetime.timedelta(91 * i), 1.0 - 0.03 * i) for i in range(20)]
    values["falling"] = {"payments": [[d.isoformat(), a] for d, a in falling], "today": "2014-11-01", "rate": 0.07,
                         "value": discounted(falling, datetime.date(2014, 11, 1), 0.07)}
    mu, cov = market_of(TICKERS)
    values["market"] = {"tickers": TICKERS, "returns": mu.tolist(), "covariance": cov.tolist()}
    values["portfolios"] = [portfolios(mu, cov, low, high, MATURITY_RATE) for low, high in [(0, 1), (0.02, 0.4), (-0.3, 0.8)]]
    # PyPortfolioOpt's own critical line: its corner portfolios, long only.
    cla = CLA(mu, cov, weight_bounds=(0, 1))
    cla._solve()
    values["corners"] = [w.flatten().tolist() for w in cla.w]
    values["versions"] = {m.__name__: m.__version__ for m in (np, cvxpy)} | {"scipy": stats.__name__ and __import__("scipy").__version__}
    (HERE / "values.json").write_text(json.dumps(values, indent=1, default=float) + "\n")


main()
