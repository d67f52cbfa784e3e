#!/usr/bin/env python3
"""list.py RESULTS DRIVER: the recording, as list tells it, is what the client wrote into its own log."""

import sys
from pathlib import Path

import oracle
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "scene")
    listed = tracing.listed(folder / "trace")
    oracle.compare(oracle.load(folder / "log.jsonl"), listed, verdict)
    oracle.compare_order(tracing.listed(folder / "trace", mappings=True), verdict)
    return verdict.finish()


sys.exit(main())
