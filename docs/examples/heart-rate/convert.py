"""Makes readings.jsonl from the sample series of pyhrv.

    pip download --no-deps pyhrv==0.5.0 && unzip pyhrv-0.5.0-py3-none-any.whl 'pyhrv/files/*'
    python3 convert.py pyhrv/files > readings.jsonl
"""

import ast
import json
import struct
import sys
from pathlib import Path

# The file's name, and what pyhrv calls the series when it loads it.
SERIES = [("SampleNNISeriesShort", "short"), ("SampleNNISeriesLong", "long")]


def intervals(path):
    """The intervals in a .npy file, version 1.0, whole numbers of milliseconds."""
    data = path.read_bytes()
    if data[:8] != b"\x93NUMPY\x01\x00":
        sys.exit(f"{path}: no .npy file of version 1.0")
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10 : 10 + length].decode("latin-1"))
    if header["descr"] != "<i8":
        sys.exit(f"{path}: expected 64-bit integers, found {header['descr']}")
    return struct.unpack_from(f"<{header['shape'][0]}q", data, 10 + length)


def number(value):
    """Whole numbers without `.0`, as JSON is written elsewhere."""
    return int(value) if value == int(value) else value


for name, userid in SERIES:
    ts = 0
    for interval in intervals(Path(sys.argv[1], f"{name}.npy")):
        ts += interval
        heartbeat = number(round(60_000 / interval, 1))
        record = {"ts": ts, "userid": userid, "name": name, "heartbeat": heartbeat}
        print(json.dumps(record, separators=(",", ":")))
