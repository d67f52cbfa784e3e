#!/usr/bin/env python3
"""unnoticed.py RESULTS DRIVER: the client's own log is the same without the tracer: results, errno, memory, output."""

import sys
from pathlib import Path

import oracle
from verdict import Verdict

# What two runs of the same client give differently: mmap offsets, the kernel's numbers of resources and dma-bufs, and
# descriptors, which are higher beside LTTng's own.
VARYING = {"offset", "addr_ptr", "res_handle", "fd"}


def comparable(line):
    kept = {name: line[name] for name in ("request", "file", "driver", "ret", "errno") if name in line}
    for when in ("before", "after"):
        kept[when] = {name: value for name, value in line.get(when, {}).items() if name not in VARYING}
    return kept


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "plain")
    verdict.status(folder, "scene")
    plain, traced = ([comparable(line) for line in oracle.load(folder / name)] for name in ("plain.jsonl", "log.jsonl"))
    verdict.equal(len(plain), len(traced), "calls")
    differing = [(one, other) for one, other in zip(plain, traced) if one != other]
    for one, other in differing[:5]:
        print(f"        without: {one}\n        with:    {other}")
    verdict.equal(0, len(differing), f"of {len(plain)} calls differ")
    outputs = [[line for line in (folder / f"{step}.out").read_text().splitlines() if not line.startswith("dma-buf ")]
               for step in ("plain", "scene")]
    verdict.check(outputs[0] == outputs[1], "standard output is the same")
    verdict.equal("", (folder / "plain.err").read_text(), "the client says nothing on standard error")
    return verdict.finish()


sys.exit(main())
