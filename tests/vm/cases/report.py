#!/usr/bin/env python3
"""report.py RESULTS DRIVER: what report says of the recording follows from the client's own log. Prints the report."""

import json
import sys
from pathlib import Path

import oracle
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "scene")
    print(tracing.gpualloc("report", folder / "trace"))
    summary = json.loads(tracing.gpualloc("report", "--json", folder / "trace"))["summary"]
    memory, lives = summary["memory"], oracle.Lives(oracle.load(folder / "log.jsonl"))
    verdict.equal(lives.made, memory["made"], f"{lives.made} allocations made")
    verdict.equal(lives.bytes_made, memory["bytes_made"], "bytes in all")
    verdict.equal(lives.peak, memory["peak_bytes"], f"peak of {lives.peak} bytes")
    verdict.equal(lives.freed, memory["ends"]["freed"]["count"], f"{lives.freed} freed by a call")
    verdict.equal(lives.closed, memory["ends"]["closed"]["count"], f"{lives.closed} freed when a file was closed")
    verdict.equal(len(lives.alive), memory["at_end"], "alive at the end")
    verdict.equal(False, summary["loss"]["lossy"], "lossy")
    return verdict.finish()


sys.exit(main())
