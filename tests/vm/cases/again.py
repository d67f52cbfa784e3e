#!/usr/bin/env python3
"""again.py RESULTS DRIVER: a recording of the replay is the recording that was replayed, up to what the kernel chose anew,
to requests that replay does not issue, and to waits, which find the device busy or not."""

import sys
from pathlib import Path

import roundtrip
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "again")
    recorded, again = (tracing.without_waits(tracing.listed(folder / name)) for name in ("trace", "again"))
    roundtrip.compare(tracing.issued(recorded), tracing.without_own_questions(again), verdict)
    return verdict.finish()


sys.exit(main())
