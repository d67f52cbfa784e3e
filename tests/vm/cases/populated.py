#!/usr/bin/env python3
"""populated.py RESULTS CLIENT HOW: a replay that was asked to bring in buffers' pages by submissions did so for each buffer that it
made, in the way that the driver has: HOW is submit, or touch where it has no safe batch. The replay's calls are as without, and
the device's memory is where it was before."""

import json
import sys
from pathlib import Path

import kernel
import tracing
from verdict import Verdict


def main():
    folder, how = Path(sys.argv[1]) / sys.argv[2], sys.argv[3]
    verdict = Verdict()
    verdict.status(folder, "populate")
    print((folder / "populate.out").read_text())
    result, plain = (json.loads((folder / f"{step}.json").read_text()) for step in ("populate", "replay"))
    made = len(kernel.objects_asked_for(tracing.listed(folder / "trace")))
    verdict.equal(["submit", how], [result["populate_asked"], result["populate"]], "what was asked for, and done")
    for number, run in enumerate(result["runs"], 1):
        verdict.equal({how: made}, run["populated"], f"run {number}: each of {made} buffers is brought in")
        steps = [kind for kind in run["kinds"] if kind["kind"] == "populate"]
        verdict.equal(made, sum(kind["n"] for kind in steps), f"run {number}: steps that were timed")
        verdict.check(all(kind["p50_ns"] > 0 for kind in steps), f"run {number}: each took its time")
        verdict.equal([plain["runs"][0]["issued"], 0], [run["issued"], run["order_violations"]], f"run {number}: the calls are issued")
    kernel.judge_leftovers(verdict, folder / "before", folder / "populate-after")
    return verdict.finish()


sys.exit(main())
