"""The keys of a trader as NautilusTrader writes them, for the tests of reading them.

From the root of the repository, with the environment that the tests make (test/requirements.txt):

    .venv/bin/python test/reference/trading_reference.py

Writes test/reference/trading/<layout>.json, byte for byte the same on every run: a list of Redis commands, their
values in base64. Values are encoded by msgspec, the library that NautilusTrader uses, and msgpack has to read the
same out of them. Layouts: `nautilus` is that of today (strings for currencies and states, nested values as maps and
lists), `nautilus-1.178` that of the release 1.178 (hashes, a colon at the end of the hashes of the index, nested
values as JSON). Names of keys and fields are facts of NautilusTrader's public source.
"""

import base64
import json
from datetime import datetime, timezone
from pathlib import Path

import msgpack
import msgspec

HERE = Path(__file__).resolve().parent / "trading"
TRADER = "trader-TESTER-000:"
START = 1763692800123456789


class Writer:
    """Collects the commands of one layout. Timestamps are written as `timestamps` says, one style after the other."""

    def __init__(self, legacy: bool):
        self.legacy = legacy
        self.commands: list[list[str]] = []
        self.styles = ["text", "integer", "iso"]
        self.events = 0

    def add(self, command: str, key: str, *values: bytes | str) -> None:
        texts = [base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode() for v in values]
        self.commands.append([command, TRADER + key, *texts])

    def pack(self, values: dict) -> bytes:
        style = self.styles[self.events % 3]
        self.events += 1
        out = {k: stamp(v, style) if k.startswith("ts_") and v is not None else v for k, v in values.items()}
        packed = msgspec.msgpack.encode(out)
        assert msgpack.unpackb(packed, strict_map_key=False) == msgspec.msgpack.decode(packed)
        return packed

    def nested(self, value: object) -> object:
        if value is None:
            return None
        return msgspec.json.encode(value) if self.legacy else value

    def texts(self, value: list[str] | None) -> object:
        if value is None:
            return None
        return ",".join(value) if self.legacy else value

    def hash(self, name: str) -> str:
        return f"index:{name}:" if self.legacy else f"index:{name}"


def stamp(ns: int, style: str) -> object:
    if style == "integer":
        return ns
    if style == "text":
        return str(ns)
    seconds = datetime.fromtimestamp(ns // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{ns % 10**9:09d}Z"


def uuid(number: int) -> str:
    return f"10000000-0000-4000-8000-{number:012d}"


def header(event: str, order_id: str, number: int, instrument: str = "AUD/USD.SIM") -> dict:
    return {
        "type": event,
        "trader_id": "TESTER-000",
        "strategy_id": "S-001",
        "instrument_id": instrument,
        "client_order_id": order_id,
        "event_id": uuid(number),
        "ts_event": START + number,
        "ts_init": START + number,
    }


def initialized(w: Writer, order_id: str, number: int, **changes: object) -> dict:
    event = header("OrderInitialized", order_id, number, str(changes.pop("instrument", "AUD/USD.SIM")))
    if w.legacy:
        del event["ts_event"]
    event |= {
        "order_side": "BUY",
        "order_type": "MARKET",
        "quantity": "100000",
        "time_in_force": "GTC",
        "post_only": False,
        "reduce_only": False,
        "quote_quantity": False,
        "options": w.nested(changes.pop("options", {})),
        "emulation_trigger": "NO_TRIGGER",
        "trigger_instrument_id": None,
        "contingency_type": "NO_CONTINGENCY",
        "order_list_id": None,
        "linked_order_ids": w.texts(changes.pop("linked_order_ids", None)),
        "parent_order_id": None,
        "exec_algorithm_id": None,
        "exec_algorithm_params": w.nested(changes.pop("exec_algorithm_params", None)),
        "exec_spawn_id": None,
        "tags": w.texts(changes.pop("tags", None)),
        "reconciliation": False,
    }
    return event | changes


def at_venue(event: str, order_id: str, number: int) -> dict:
    return header(event, order_id, number) | {"venue_order_id": f"V-{order_id}", "account_id": "SIM-000"}


def filled(w: Writer, order_id: str, number: int, side: str, qty: str, px: str, **changes: object) -> dict:
    instrument = str(changes.pop("instrument", "AUD/USD.SIM"))
    event = header("OrderFilled", order_id, number, instrument)
    return event | {
        "venue_order_id": f"V-{order_id}",
        "account_id": "SIM-000",
        "trade_id": f"E-{number}",
        "position_id": "P-1",
        "order_side": side,
        "order_type": "MARKET",
        "last_qty": qty,
        "last_px": px,
        "currency": "USD",
        "commission": "1.60 USD",
        "liquidity_side": "TAKER",
        "info": w.nested({}),
        "reconciliation": False,
    } | changes


def currency_pair(w: Writer) -> dict:
    return {
        "type": "CurrencyPair",
        "id": "AUD/USD.SIM",
        "raw_symbol": "AUD/USD",
        "base_currency": "AUD",
        "quote_currency": "USD",
        "price_precision": 5,
        "price_increment": "0.00001",
        "size_precision": 0,
        "size_increment": "1",
        "lot_size": "1000",
        "max_quantity": "10000000",
        "min_quantity": "1000",
        "max_notional": "50000000.00 USD",
        "min_notional": None,
        "max_price": None,
        "min_price": None,
        "margin_init": "0.03",
        "margin_maint": "0.03",
        "maker_fee": "0.00002",
        "taker_fee": "2E-5",
        "ts_event": START,
        "ts_init": START,
        "info": w.nested({"venue": "simulated"}),
    }


def perpetual(w: Writer) -> dict:
    return currency_pair(w) | {
        "type": "CryptoPerpetual",
        "id": "BTC/USD:BTC.BITMEX",
        "raw_symbol": "XBTUSD",
        "base_currency": "BTC",
        "settlement_currency": "BTC",
        "is_inverse": True,
        "price_precision": 1,
        "price_increment": "0.5",
        "multiplier": "1",
    }


def equity(w: Writer) -> dict:
    return {
        "type": "Equity",
        "id": "AAPL.XNAS",
        "raw_symbol": "AAPL",
        "currency": "USD",
        "price_precision": 2,
        "price_increment": "0.01",
        "size_precision": 0,
        "size_increment": "1",
        "multiplier": "1",
        "lot_size": "100",
        "isin": "US0378331005",
        "margin_init": "0",
        "margin_maint": "0",
        "ts_event": START,
        "ts_init": START,
        "info": None,
    }


def account_state(w: Writer, number: int, total: str) -> dict:
    return {
        "type": "AccountState",
        "account_id": "SIM-000",
        "account_type": "MARGIN",
        "base_currency": "USD",
        "reported": True,
        "balances": w.nested(
            [{"type": "AccountBalance", "total": total, "locked": "0.00", "free": total, "currency": "USD"}]
        ),
        "margins": w.nested([]),
        "info": w.nested({}),
        "event_id": uuid(number),
        "ts_event": START + number,
        "ts_init": START + number,
    }


def write(legacy: bool) -> list[list[str]]:
    w = Writer(legacy)
    w.add("SET", "general:a:b", bytes(range(256)))
    currencies = {
        "AUD": {"precision": 2, "iso4217": 36, "name": "Australian dollar", "currency_type": "FIAT"},
        "BTC": {"precision": 8, "iso4217": 0, "name": "Bitcoin", "currency_type": "CRYPTO"},
    }
    for code, fields in currencies.items():
        if legacy:
            for name, value in fields.items():
                w.add("HSET", f"currencies:{code}", name, str(value))
        else:
            w.add("SET", f"currencies:{code}", w.pack(fields))
    for instrument in (currency_pair(w), perpetual(w), equity(w)):
        w.add("SET", f"instruments:{instrument['id']}", w.pack(instrument))
    synthetic = {
        "type": "SyntheticInstrument",
        "symbol": "BTC-ETH",
        "price_precision": 8,
        "components": ["BTCUSDT.BINANCE", "ETHUSDT.BINANCE"],
        "formula": "(BTCUSDT.BINANCE + ETHUSDT.BINANCE) / 2",
        "ts_event": START,
        "ts_init": START,
    }
    w.add("SET", "synthetics:BTC-ETH.SYNTH", w.pack(synthetic))
    for number, total in enumerate(["1000.00", "1234.50"]):
        w.add("RPUSH", "accounts:SIM-000", w.pack(account_state(w, number, total)))

    logs = {
        "O-1": [
            initialized(w, "O-1", 10, tags=["ENTRY", "LONG"], exec_algorithm_params={"horizon_secs": 20}),
            header("OrderSubmitted", "O-1", 11) | {"account_id": "SIM-000"},
            at_venue("OrderAccepted", "O-1", 12),
            filled(w, "O-1", 13, "BUY", "40000", "0.80010"),
            filled(w, "O-1", 14, "BUY", "60000", "0.80020"),
        ],
        "O-2": [
            initialized(
                w,
                "O-2",
                20,
                order_side="SELL",
                order_type="STOP_LIMIT",
                time_in_force="GTD",
                linked_order_ids=["O-3", "O-4"],
                options={
                    "price": "0.80000",
                    "trigger_price": "0.80010",
                    "trigger_type": "BID_ASK",
                    "expire_time_ns": START + 999,
                    "display_qty": None,
                },
            ),
            header("OrderSubmitted", "O-2", 21) | {"account_id": "SIM-000"},
            at_venue("OrderAccepted", "O-2", 22),
            at_venue("OrderPendingUpdate", "O-2", 23),
            at_venue("OrderUpdated", "O-2", 24)
            | {"quantity": "90000", "price": "0.79990", "trigger_price": None, "reconciliation": False},
        ],
        "O-3": [initialized(w, "O-3", 30, emulation_trigger="LAST_TRADE"), header("OrderEmulated", "O-3", 31)],
        "O-4": [
            initialized(w, "O-4", 40),
            {k: v for k, v in header("OrderDenied", "O-4", 41).items() if k != "ts_event" or not legacy}
            | {"reason": "NOTIONAL_EXCEEDS_FREE_BALANCE"},
        ],
    }
    for order_id, events in logs.items():
        w.add("RPUSH", f"orders:{order_id}", *[w.pack(event) for event in events])
        w.add("SADD", "index:orders", order_id)
    w.add("SADD", "index:orders_open", "O-2")
    w.add("SADD", "index:orders_closed", "O-1", "O-4")
    w.add("SADD", "index:orders_emulated", "O-3")
    for order_id in ("O-1", "O-2"):
        if legacy:
            w.add("HSET", w.hash("order_ids"), order_id, f"V-{order_id}")
        else:
            w.add("SADD", "index:order_ids", order_id)
    w.add("HSET", w.hash("order_position"), "O-1", "P-1")
    w.add("HSET", w.hash("order_client"), "O-1", "SIM")

    fills = [
        filled(w, "O-1", 13, "BUY", "100000", "0.80010"),
        filled(w, "O-5", 50, "SELL", "50000", "0.80110", commission="0.80 USD"),
        filled(w, "O-6", 51, "SELL", "50000", "0.80000", commission="0.80 USD"),
    ]
    w.add("RPUSH", "positions:P-1", *[w.pack(fill) for fill in fills])
    inverse = {"instrument": "BTC/USD:BTC.BITMEX", "position_id": "P-2", "commission": "0.00000100 BTC"}
    fills = [
        filled(w, "O-7", 60, "BUY", "10000", "10000.0", **inverse),
        filled(w, "O-8", 61, "SELL", "5000", "12500.0", **inverse),
    ]
    w.add("RPUSH", "positions:P-2", *[w.pack(fill) for fill in fills])
    w.add("SADD", "index:positions", "P-1", "P-2")
    w.add("SADD", "index:positions_open", "P-2")
    w.add("SADD", "index:positions_closed", "P-1")

    states = {"actors:A-1:state": {"A": b"1"}, "strategies:S-001:state": {"UserState": b"\x00\xff"}}
    for key, state in states.items():
        if legacy:
            for name, value in state.items():
                w.add("HSET", key, name, value)
        else:
            w.add("SET", key, msgspec.msgpack.encode(state))
    w.add("SET", "health:heartbeat", "2026-11-21T00:00:00.123Z")
    return w.commands


for layout in ("nautilus", "nautilus-1.178"):
    commands = write(legacy=layout != "nautilus")
    lines = ",\n".join(json.dumps(command) for command in commands)
    (HERE / f"{layout}.json").write_text(f"[\n{lines}\n]\n")
