#!/usr/bin/env python3
"""churn.py RESULTS: threads that free each other's buffers. Each buffer's life is told apart by the calls' intervals: all were
freed, none by a call that nothing matches, and the replay keeps the recorded order where handles force it."""

import json
import sys
from collections import Counter
from pathlib import Path

import kernel
import tracing
from verdict import Verdict

THREADS, ROUNDS, RUNS = 4, 250, 3


def main():
    folder = Path(sys.argv[1]) / "churn"
    verdict = Verdict()
    verdict.status(folder, "record")
    listed = tracing.listed(folder / "trace")
    creates = [line for line in listed if line["request"] == "MODE_CREATE_DUMB"]
    verdict.equal(THREADS * ROUNDS, len(creates), "buffers recorded")
    generations = Counter(line["handle"] for line in creates)
    verdict.check(len(generations) < len(creates) / 10, f"{len(creates)} buffers had {len(generations)} handles")
    memory = json.loads(tracing.gpualloc("report", "--json", folder / "trace"))["summary"]
    verdict.equal([len(creates), len(creates), 0], [memory["memory"]["made"], memory["memory"]["ends"]["freed"]["count"],
                                                    memory["memory"]["at_end"]], "made, freed, and alive at the end")
    verdict.equal(0, memory["frees_of_unseen"], "frees that match no buffer")
    made, left = kernel.objects_made(folder / "record.gem")
    asked_for = kernel.objects_asked_for(listed)
    verdict.equal(Counter(made), Counter(asked_for), "objects made, as the kernel noted it")

    verdict.status(folder, "replay")
    for number, run in enumerate(json.loads((folder / "replay.json").read_text())["runs"], 1):
        verdict.equal([{}, 0, 0], [run["skipped"], run["differs"], run["order_violations"]],
                      f"run {number}: skipped, with another outcome, out of order")
    made, left = kernel.objects_made(folder / "replay.gem")
    verdict.equal(Counter({size: count * RUNS for size, count in Counter(asked_for).items()}), Counter(made),
                  f"{len(made)} objects made by the replay, as the kernel noted it")
    verdict.equal(0, left, "objects made and not freed")
    return verdict.finish()


sys.exit(main())
