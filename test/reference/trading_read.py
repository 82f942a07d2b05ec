"""Reads the keys of a trader with plain redis-py, as another program would, and prints them as JSON.

    .venv/bin/python test/reference/trading_read.py PORT

Every value that is MessagePack is decoded by msgspec, and msgpack has to read the same.
"""

import json
import sys

import msgpack
import msgspec
import redis


def unpack(value: bytes) -> object:
    decoded = msgspec.msgpack.decode(value)
    assert msgpack.unpackb(value, strict_map_key=False) == decoded
    return decoded


def show(value: object) -> object:
    """JSON has no bytes: text where they are text."""
    return value.decode() if isinstance(value, bytes) else repr(value)


client = redis.Redis(port=int(sys.argv[1]))
found: dict[str, object] = {}
for raw in sorted(client.scan_iter("trader-*")):
    key = raw.decode()
    match client.type(raw):
        case b"list":
            found[key] = [unpack(value) for value in client.lrange(raw, 0, -1)]
        case b"set":
            found[key] = sorted(value.decode() for value in client.smembers(raw))
        case b"hash":
            found[key] = {name.decode(): value.decode() for name, value in client.hgetall(raw).items()}
        case b"string":
            value = client.get(raw)
            is_text = ":general:" in key or key.endswith(("health:heartbeat", "meta:schema"))
            found[key] = value.decode() if is_text else unpack(value)
print(json.dumps(found, default=show))
