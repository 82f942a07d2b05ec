"""Reference values of the Python library `ta` 0.11.0, for the tests.

From the root of the repository, with Python 3.11 (pandas 1.5.3 has no wheels for later ones):

    python3.11 -m venv .venv
    .venv/bin/pip install -r test/reference/requirements.txt
    .venv/bin/python test/reference/ta_reference.py

Writes test/reference/ta/<series>.parquet, byte for byte the same on every run: date (string),
open, high, low, close, volume, then for each column of `ta` `<column>` (fillna=False) and
`<column>__fill` (fillna=True), all float64. NaN is written as null; an infinity stays one.

Footer metadata: `ta`, `pandas`, `numpy` (versions), `origin` (of the series) and `raised`
(JSON list of the columns absent from the file because `ta` raises on this series).
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import ta
import ta.wrapper

HERE = Path(__file__).resolve().parent
PRICES = ["open", "high", "low", "close", "volume"]
SUFFIX = {False: "", True: "__fill"}

# Rows from the start of each sample. Some definitions use the mean over all rows, so a file
# is its own series: its values hold for its rows, not for the first rows of a longer history.
REAL = {"AAPL": 1000, "GLD": 520, "GORO": 520, "IEF": 520, "MSFT": 520, "SPY": 520, "VTI": 520}

# ---------------------------------------------------------------- series


def frame(rng: np.random.Generator, close: np.ndarray, spread: float, decimals: int) -> pd.DataFrame:
    """Bars around the given closes; `spread` is the typical relative size of a shadow."""
    rows = len(close)
    before = np.r_[close[0], close[:-1]]
    first = before * (1 + spread / 2 * rng.standard_normal(rows))
    high = np.maximum(first, close) * (1 + spread * np.abs(rng.standard_normal(rows)))
    low = np.minimum(first, close) * (1 - spread * np.abs(rng.standard_normal(rows)))
    bars = np.round(np.c_[first, high, low, close], decimals)
    volume = rng.integers(20_000, 3_000_000, rows).astype(float)
    return pd.DataFrame(np.c_[bars, volume], columns=PRICES)


def walk(rng: np.random.Generator, rows: int, start: float, sigma: float) -> np.ndarray:
    # Products, not exp(): numpy picks exp by CPU, and its last bit may differ between machines.
    return start * np.cumprod(1 + sigma * rng.standard_normal(rows))


def usual(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return frame(rng, walk(rng, rows, 50.0, 0.015), 0.006, 4)


def no_trade_days() -> pd.DataFrame:
    """Gaps longer than the common windows, so that whole windows are flat and without volume."""
    df = usual(260, seed=1)
    for start, days in [(1, 2), (40, 3), (70, 30), (130, 60), (225, 1), (240, 5)]:
        df.loc[start : start + days - 1, ["open", "high", "low", "close"]] = df.loc[start - 1, "close"]
        df.loc[start : start + days - 1, "volume"] = 0.0
    # Quoted but not traded: the price moves, so ease of movement is infinite.
    df.loc[[200, 205, 206], "volume"] = 0.0
    return df


def penny() -> pd.DataFrame:
    """Ticks of 0.0001 on prices below 0.05: many ties and flat bars."""
    rng = np.random.default_rng(2)
    df = frame(rng, walk(rng, 240, 0.012, 0.03), 0.012, 4)
    df[PRICES[:4]] = df[PRICES[:4]].clip(0.0005, 0.0499)
    return df


def unadjusted_split() -> pd.DataFrame:
    """20:1, prices and volume as they were quoted at the time."""
    df = usual(240, seed=3)
    prices, after = PRICES[:4], slice(120, None)
    df[prices] *= 20.0
    df.loc[after, prices] /= 20.0
    df.loc[after, "volume"] *= 20.0
    df[prices] = df[prices].round(4)
    return df


def constant(rows: int = 200) -> pd.DataFrame:
    return pd.DataFrame({name: np.full(rows, 25.0) for name in PRICES[:4]} | {"volume": np.full(rows, 1e6)})


def almost_constant() -> pd.DataFrame:
    """Moves of 1e-8 on a few days: windows whose spread is close to the rounding error."""
    df = constant(240)
    moves = [(30, "close", 1), (31, "high", 1), (32, "low", -1), (100, "close", -1), (170, "close", 1)]
    for row, column, sign in moves:
        df.loc[row, column] = 25.0 * (1 + sign * 1e-8)
    df["high"] = df[PRICES[:4]].max(axis=1)
    df["low"] = df[PRICES[:4]].min(axis=1)
    return df


SYNTHETIC: dict[str, tuple[Callable[[], pd.DataFrame], str]] = {
    "no_trade_days": (no_trade_days, "runs of 1 to 60 flat days without volume; on three more the price moves"),
    "penny": (penny, "prices below 0.05, rounded to 4 decimals"),
    "unadjusted_split": (unadjusted_split, "20:1 split at row 120, not adjusted"),
    "rows_60": (lambda: usual(60, seed=4), "60 rows"),
    "rows_27": (lambda: usual(27, seed=5), "27 rows, one less than ta needs"),
    "constant": (constant, "all prices 25, volume 1e6"),
    "almost_constant": (almost_constant, "25, with relative moves of 1e-8 on five days"),
}


def series(sample: Path) -> Iterable[tuple[str, pd.DataFrame, str]]:
    for ticker, rows in REAL.items():
        # round_trip: the doubles nearest to the decimals in the file; pandas' default may be a bit off.
        df = pd.read_csv(sample / f"{ticker}.csv", dtype=dict.fromkeys(PRICES, "float64"), float_precision="round_trip")
        if len(df) < rows:
            raise SystemExit(f"{sample / ticker}.csv has {len(df)} rows, {rows} are needed")
        yield ticker, df.loc[: rows - 1, ["date", *PRICES]], f"data/sample/{ticker}.csv, first {rows} rows"
    for name, (make, note) in SYNTHETIC.items():
        df = make()
        days = np.busday_offset("2015-01-01", np.arange(len(df)), roll="forward")
        df.insert(0, "date", days.astype(str))
        yield name, df, f"synthetic (seeded generator): {note}"


# ---------------------------------------------------------------- values of ta


class Raised:
    """Stands for an indicator, or a column of it, on which ta raised."""

    def __getattr__(self, _method: str) -> Callable[[], "Raised"]:
        return lambda: self


class Guarded:
    """An indicator class of ta whose constructor and methods give `Raised` instead of raising."""

    def __init__(self, indicator: type) -> None:
        self.indicator = indicator

    def __call__(self, **arguments: object) -> object:
        try:
            made = self.indicator(**arguments)
        except Exception:
            return Raised()
        return GuardedMethods(made)


class GuardedMethods:
    def __init__(self, made: object) -> None:
        self.made = made

    def __getattr__(self, method: str) -> Callable[[], object]:
        def call() -> object:
            try:
                return getattr(self.made, method)()
            except Exception:
                return Raised()

        return call


def features_one_by_one(df: pd.DataFrame, fill: bool) -> dict[str, object]:
    """Runs ta's own wrapper, so with its parameters, but keeps what works when an indicator raises.

    The wrapper only reads and sets items, so a dict can take the place of the frame and hold
    `Raised` where a column has no values.
    """
    guarded = {
        name: Guarded(value)
        for name, value in vars(ta.wrapper).items()
        if isinstance(value, type) and value.__module__.startswith("ta.")
    }
    columns: dict[str, object] = {name: df[name] for name in PRICES}
    with patch.multiple(ta.wrapper, **guarded):
        ta.add_all_ta_features(columns, *PRICES, fillna=fill)
    return columns


def features(df: pd.DataFrame, fill: bool) -> dict[str, object]:
    """Column name to values or `Raised`, in the order of ta."""
    # PSAR writes by label where all else goes by position: only a 0-based index gives its meant values.
    prices = df[PRICES].reset_index(drop=True)
    try:
        columns = dict(ta.add_all_ta_features(prices.copy(), *PRICES, fillna=fill).items())
    except Exception:
        columns = features_one_by_one(prices, fill)
    return {name: values for name, values in columns.items() if name not in PRICES}


# ---------------------------------------------------------------- files


def table(df: pd.DataFrame, origin: str) -> tuple[pa.Table, dict[str, str]]:
    by_mode = {fill: features(df, fill) for fill in (False, True)}
    columns: dict[str, object] = {name: df[name] for name in PRICES}
    raised: list[str] = []
    for name in by_mode[False]:
        for fill, suffix in SUFFIX.items():
            values = by_mode[fill][name]
            if isinstance(values, Raised):
                raised.append(name + suffix)
            else:
                columns[name + suffix] = values
    # from_pandas writes NaN as null, which every reader can tell from a number.
    arrays = {
        name: pa.array(np.asarray(values, dtype="float64"), from_pandas=True) for name, values in columns.items()
    }
    metadata = {name: version(name) for name in ("ta", "pandas", "numpy")}
    metadata |= {"origin": origin, "raised": json.dumps(raised)}
    return pa.table({"date": pa.array(df["date"].astype(str))} | arrays), metadata


def write(made: pa.Table, metadata: dict[str, str], target: Path) -> None:
    # Indicator values hardly repeat: a dictionary only adds bytes. Splitting the bytes of the
    # doubles puts signs and exponents side by side, which zstd likes. The Arrow schema and the
    # statistics would be a third of a short file.
    floats = [field.name for field in made.schema if pa.types.is_floating(field.type)]
    with pq.ParquetWriter(
        target,
        made.schema,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        use_byte_stream_split=floats,
        store_schema=False,
        write_statistics=False,
    ) as writer:
        writer.write_table(made)
        writer.add_key_value_metadata(metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the reference values of ta.")
    parser.add_argument("--sample", type=Path, default=HERE.parent.parent / "data" / "sample")
    parser.add_argument("--out", type=Path, default=HERE / "ta")
    options = parser.parse_args()
    # Fragmented frames, divisions by zero: what ta does with them is what we record.
    warnings.simplefilter("ignore")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, df, origin in series(options.sample):
        made, metadata = table(df, origin)
        target = options.out / f"{name}.parquet"
        write(made, metadata, target)
        raised = json.loads(metadata["raised"])
        print(f"{name}: {made.num_rows} rows, {made.num_columns} columns, {target.stat().st_size} bytes", *raised)


if __name__ == "__main__":
    main()
