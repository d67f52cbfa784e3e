#!/usr/bin/env python3
"""heaps_replay.py RESULTS: a replay on vgem of what used DMA heaps and udmabuf, too: all of it is issued and goes as it went, and no
dma-buf, buffer or memory is left."""

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
        verdict.check(run["issued"] >= requests, f"{run['issued']} calls issued, the {requests} requests among them")
        verdict.equal([{}, 0, 0, 0], [run[name] for name in ("skipped", "failed_here", "succeeded_here", "order_violations")],
                      "skipped, failed here only, succeeded here only, out of order")
    kernel.judge_leftovers(verdict, folder / "before", folder / "replay-after")
    return verdict.finish()


sys.exit(main())
