#!/usr/bin/env python3
"""figures.py RESULTS TRACE…: every figure of a report of these recordings (FOLDER/NAME in RESULTS) can be recomputed from list, by the
end-to-end tests' program, which shares no code with report."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tracing
from verdict import Verdict


def recompute(trace):
    """(exit status, what it said)"""
    with tempfile.TemporaryDirectory() as place:
        listed, report = Path(place) / "list.jsonl", Path(place) / "report.json"
        listed.write_text(tracing.gpualloc("list", "--format", "jsonl", "--events", trace))
        report.write_text(tracing.gpualloc("report", "--json", trace))
        program = Path(os.environ["SOURCE"]) / "tests" / "e2e" / "report-recompute.py"
        done = subprocess.run([sys.executable, program, listed, report], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout


def main():
    verdict = Verdict()
    for name in sys.argv[2:]:
        trace = Path(sys.argv[1]) / name
        verdict.check(trace.is_dir(), f"{name} was recorded")
        status, said = recompute(trace)
        print(f"        {name}: {said}", end="")
        verdict.check(status == 0, f"{name}: all figures of report follow from list")
    return verdict.finish()


sys.exit(main())
