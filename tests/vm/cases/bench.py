#!/usr/bin/env python3
"""bench.py RESULTS: two real drivers measured in turns. The runs were A B, B A, …, as the kernel noted whose buffers were made; each
issued the recording and gave all back; the verdict has its form, is what the exit status says, and what compare says again of the
kept results; what differs between the devices, and that the kernel was traced meanwhile, is told."""

import json
import re
import sys
from pathlib import Path

import kernel
import tracing
from verdict import Verdict

RUNS, PASSES = 4, 2  # a run and its warm-up
DRIVERS = {"a": "vgem", "b": "virtio_gpu"}
FORMS = {
    "same": r"no regression of more than 5\.0%: the geomean of medians did not change significantly \(p=.*",
    "slower": r"no regression of more than 5\.0%: the geomean of medians is \d+\.\d% slower \(p=.*",
    "faster": r"faster: the geomean of medians is \d+\.\d% faster \(p=.*",
    "regressed": r"regressed: the geomean of medians is \d+\.\d% slower, more than 5\.0% \(p=.*",
}


def judge_order(verdict, folder, objects):
    made, left = kernel.objects_made(folder / "bench.gem")
    devices = kernel.devices_of_objects(folder / "bench.gem")
    verdict.equal(2 * RUNS * PASSES * objects, len(made), f"{objects} buffers in each pass of {2 * RUNS} runs, as the kernel noted it")
    verdict.equal(0, left, "buffers made and not freed")
    size = PASSES * objects
    runs = [set(devices[begin:begin + size]) for begin in range(0, len(devices), size)]
    verdict.equal([1] * len(runs), [len(run) for run in runs], "devices in a run")
    sides = {device: side for side, device in zip("AB", dict.fromkeys(devices))}
    verdict.equal("ABBAABBA", "".join(sides[min(run)] for run in runs), "order of the devices")


def judge_runs(verdict, folder):
    sides = {}
    for side, driver in DRIVERS.items():
        files = sorted((folder / "kept" / side).iterdir())
        verdict.equal([f"run-{number:04}.json" for number in range(1, RUNS + 1)], [file.name for file in files], f"results of {side}")
        for file in files:
            result = json.loads(file.read_text())
            sides[result["system"]["time"]] = side
            verdict.equal((driver, "verbatim", "warm", 1),
                          (result["device"]["driver"], result["mode"], result["state"], len(result["runs"])),
                          f"{side}/{file.name}: driver, mode, state, runs")
            run = result["runs"][0]
            verdict.equal((True, result["plan"]["calls"], {}, 0, 0),
                          (run["complete"], run["issued"], run["skipped"], run["order_violations"], run["left_bytes"]),
                          f"{side}/{file.name}: whole, issued, skipped, out of order, bytes left")
    verdict.equal("abbaabba", "".join(sides[time] for time in sorted(sides)), "order of the results' times")


def judge_verdict(verdict, folder):
    said, text = json.loads((folder / "verdict.json").read_text()), (folder / "bench.out").read_text()
    verdict.check(said["verdict"] in FORMS, f"there is a verdict: {said['verdict']}")
    verdict.check(re.fullmatch(FORMS.get(said["verdict"], "."), said["text"]), f"it reads: {said['text']}")
    verdict.equal(said["text"], text.splitlines()[-1], "the last line of the table")
    verdict.status(folder, "bench", 3 if said["regressed"] else 0)
    verdict.equal(("geomean", "p50", "run", RUNS, RUNS), (said["primary"]["metric"], said["primary"]["figure"], said["unit"],
                                                          said["base"]["runs"], said["new"]["runs"]), "metric, figure, unit, runs")
    differ = said["differences"].keys()
    verdict.check("driver_version" in differ, f"what differs between the devices: {', '.join(differ)}")
    verdict.check(not differ & {"kernel", "boot_id", "cpu", "cpus", "memory_bytes"}, "one machine, one boot")
    for side in "base", "new":
        verdict.check(any(w.startswith(f"{side}: tracing was switched on") and "kprobes" in w for w in said["warnings"]),
                      f"{side}: the kernel was traced, and that is said")
    again = json.loads(tracing.gpualloc("compare", "--threshold", "1e9", "--json", "-", folder / "kept/a", folder / "kept/b"))
    verdict.equal(said["primary"], again["primary"], "what compare says of the kept results")


def main():
    folder = Path(sys.argv[1]) / "bench"
    print((folder / "bench.out").read_text() + (folder / "bench.err").read_text())
    verdict = Verdict()
    calls = tracing.listed(Path(sys.argv[1]) / "vgem" / "trace")
    judge_verdict(verdict, folder)
    judge_order(verdict, folder, len(kernel.objects_asked_for(calls)))
    judge_runs(verdict, folder)
    for driver in DRIVERS.values():
        kernel.judge_leftovers(verdict, folder / f"before-{driver}", folder / f"after-{driver}")
    return verdict.finish()


sys.exit(main())
