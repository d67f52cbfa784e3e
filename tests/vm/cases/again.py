#!/usr/bin/env python3
"""again.py RESULTS DRIVER: a recording of the replay is the recording that was replayed, up to what the kernel chose anew
and to requests that replay does not issue."""

import sys
from pathlib import Path

import roundtrip
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "again")
    roundtrip.compare(tracing.issued(tracing.listed(folder / "trace")), tracing.listed(folder / "again"), verdict)
    return verdict.finish()


sys.exit(main())
