#!/usr/bin/env python3
"""heaps_plain.py RESULTS: the client gets the same answers with the tracer and without."""

import sys
from pathlib import Path

import edges
from verdict import Verdict


def answers(path):
    """The calls of each process, in order of the processes' first calls."""
    return list(edges.printed(path).values())


def main():
    folder = Path(sys.argv[1]) / "heaps"
    verdict = Verdict()
    verdict.status(folder, "plain")
    verdict.status(folder, "record")
    plain, traced = answers(folder / "plain.out"), answers(folder / "record.out")
    verdict.equal(plain, traced, f"{sum(map(len, plain))} calls, with the tracer and without")
    verdict.equal("", (folder / "plain.err").read_text(), "complaints without the tracer")
    return verdict.finish()


sys.exit(main())
