#!/usr/bin/env python3
"""cuse_same.py RESULTS A B: two recordings hold the same calls, argument for argument, also the one that a node must refuse."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tracing
from verdict import Verdict


def write(lines, file):
    file.writelines(json.dumps(line) + "\n" for line in lines)
    file.flush()


def main():
    folder, names = Path(sys.argv[1]) / "scene", sys.argv[2:4]
    verdict = Verdict()
    for name in names:
        verdict.status(folder, name)
    calls = [tracing.listed(folder / name) for name in names]
    for lines in calls:
        queues = [line["status"] for line in lines if "paging_queue" in line["event"]]
        verdict.equal([0xC00000BB], queues, "status of paging queues")
    compare = Path(os.environ["SOURCE"]) / "tests" / "e2e" / "same_calls.py"
    with tempfile.NamedTemporaryFile("w") as one, tempfile.NamedTemporaryFile("w") as other:
        write(calls[0], one)
        write(calls[1], other)
        verdict.equal(0, subprocess.run([sys.executable, compare, one.name, other.name]).returncode, f"{names}: compared")
    verdict.check(len(calls[0]) > 50, f"{len(calls[0])} calls")
    return verdict.finish()


sys.exit(main())
