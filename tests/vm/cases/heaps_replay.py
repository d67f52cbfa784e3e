#!/usr/bin/env python3
"""heaps_replay.py RESULTS: a replay on vgem of what used DMA heaps and udmabuf, too: nothing is out of order, every call that was not
issued has its reason, and no dma-buf, buffer or memory is left."""

import json
import sys
from pathlib import Path

import kernel
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "heaps"
    verdict = Verdict()
    verdict.status(folder, "record")
    verdict.status(folder, "replay")
    result = json.loads((folder / "replay.json").read_text())
    requests = len(tracing.listed(folder / "trace"))
    for run in result["runs"]:
        skipped = sum(run["skipped"].values())
        verdict.equal(0, run["order_violations"], f"{run['issued']} calls issued, {run['skipped']} skipped: out of order")
        verdict.check(run["issued"] + skipped >= requests, f"each of {requests} requests is issued or counted with its reason")
    kernel.judge_leftovers(verdict, folder / "before", folder / "replay-after")
    return verdict.finish()


sys.exit(main())
