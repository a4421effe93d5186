"""Makes readings.jsonl from the readings of the heart-rate example.

Two hearts that are measured at the same time, five minutes, in the order in which a collector would get the readings:
those of `short` from second 100 to second 140 come together at second 140, as from a sensor that was out of reach.
"""

import json

MINUTES_MS = 5 * 60 * 1000
GONE_MS, BACK_MS = 100_000, 140_000

with open("../heart-rate/readings.jsonl") as readings:
    readings = [json.loads(line) for line in readings]
readings = [reading for reading in readings if reading["ts"] < MINUTES_MS]


def arrives(reading):
    held = reading["userid"] == "short" and GONE_MS <= reading["ts"] < BACK_MS
    return BACK_MS if held else reading["ts"]


# Sorting keeps the order of what arrives at once.
readings.sort(key=arrives)
with open("readings.jsonl", "w") as out:
    for reading in readings:
        row = {key: reading[key] for key in ("ts", "userid", "heartbeat")}
        out.write(json.dumps(row, separators=(",", ":")) + "\n")
