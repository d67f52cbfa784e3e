#!/usr/bin/env python3
"""replay.py RESULTS CLIENT STEP [--on DRIVER]: the replay in STEP issued every call that was recorded, the kernel made the same
objects run by run (in the same order, where one thread makes them), and nothing of it is left: the device's memory is where it was
before. With --on the calls were translated for another driver: buffers of the recorded sizes, up to a page (drivers add lines of
their own)."""

import argparse
import json
import sys
from pathlib import Path

import kernel
import tracing
from verdict import Verdict

RUNS = 3


def judge_result(verdict, result, calls, arguments):
    left_out = len(calls) - len(tracing.issued(calls))
    verdict.equal(2, result["schema_version"], "schema_version")
    verdict.equal("dumb" if arguments.on else "verbatim", result["mode"], "mode")
    verdict.equal(RUNS, len(result["runs"]), "runs")
    if arguments.on:
        verdict.equal(arguments.on, result["device"]["driver"], "driver of the device")
    for number, run in enumerate(result["runs"], 1):
        print(f"        run {number}: {run['issued']} of {result['plan']['calls']} calls issued in {run['wall_ns'] / 1e6:.1f} ms, "
              f"{run['differs']} with another outcome, skipped: {run['skipped']}")
        verdict.equal(0, run["order_violations"], "order violations")
        verdict.equal(result["plan"]["calls"], run["issued"] + sum(run["skipped"].values()), "calls issued or accounted for")
        if not arguments.on:
            verdict.equal({"commands": left_out} if left_out else {}, run["skipped"], "skipped calls")
            waits = len(tracing.waits(calls))
            verdict.check(run["differs"] <= waits, f"{run['differs']} calls with another outcome, of {waits} waits for the device")


def judge_mappings(verdict, result, mappings):
    """What the client mapped and unmapped, each run does too; with no other outcome, as the figures count none."""
    for number, run in enumerate(result["runs"], 1):
        for event in sorted(tracing.MAPPINGS):
            name = event.removeprefix("drm:")
            recorded = sum(call["event"] == event for call in mappings)
            issued = sum(kind["n"] for kind in run["kinds"] if kind["kind"] == name)
            verdict.equal(recorded, issued, f"run {number}: calls of {name}")


def judge_objects(verdict, folder, calls, lanes, arguments):
    asked_for = kernel.objects_asked_for(calls)
    made, left = kernel.objects_made(folder / f"{arguments.step}.gem")
    runs = [made[i:i + len(asked_for)] for i in range(0, len(made), len(asked_for))]
    verdict.equal(RUNS * len(asked_for), len(made), f"{RUNS} times {len(asked_for)} objects made, as the kernel noted it")
    for number, sizes in enumerate(runs, 1):
        if arguments.on:
            good = len(sizes) == len(asked_for) and all(abs(asked - size) <= kernel.PAGE for asked, size in zip(asked_for, sizes))
            verdict.check(good, f"run {number}: buffers of the recorded sizes, to a page: {sizes}")
        elif lanes == 1:
            verdict.equal(asked_for, sizes, f"run {number}: the same objects, in order")
        else:
            verdict.equal(sorted(asked_for), sorted(sizes), f"run {number}: the same objects, by {lanes} threads")
    verdict.equal(0, left, "objects made and not freed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("client")
    parser.add_argument("step")
    parser.add_argument("--on")
    arguments = parser.parse_args()
    folder = arguments.results / arguments.client
    verdict = Verdict()
    verdict.status(folder, arguments.step)
    print((folder / f"{arguments.step}.out").read_text())
    calls = tracing.listed(folder / "trace")
    result = json.loads((folder / f"{arguments.step}.json").read_text())
    judge_result(verdict, result, calls, arguments)
    judge_mappings(verdict, result, tracing.listed(folder / "trace", mappings=True))
    judge_objects(verdict, folder, calls, result["plan"]["lanes"], arguments)
    device = arguments.results / (arguments.on or arguments.client)
    kernel.judge_leftovers(verdict, device / "before", folder / f"{arguments.step}-after")
    return verdict.finish()


sys.exit(main())
