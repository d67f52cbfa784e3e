#!/usr/bin/env python3
"""pairs.py RESULTS: a buffer of each device is offered to each other device but radeon, as a dma-buf. Who takes whose is the
kernel's affair; every answer is in the recording, and what went from one to the other has one inode number."""

import sys
from pathlib import Path

import edges
import kernel
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "pairs"
    verdict = Verdict()
    verdict.status(folder, "record")
    listed = tracing.listed(folder / "trace")
    verdict.equal(edges.printed(folder / "record.out"), edges.recorded(listed), f"{len(listed)} calls are what the client printed")
    exporter, taken = None, set()
    for line in listed:
        if line["request"] == "PRIME_HANDLE_TO_FD" and line["ret"] == 0:
            exporter, inode = line["driver"], line["dma_buf"]
        elif line["request"] == "PRIME_FD_TO_HANDLE" and line["ret"] == 0:
            verdict.equal(inode, line["dma_buf"], f"{exporter}'s buffer on {line['driver']}: dma-buf {inode}")
            taken.add((exporter, line["driver"]))
    verdict.check(len(taken) >= 4, f"{len(taken)} pairs share a buffer")
    made, left = kernel.objects_made(folder / "record.gem")
    verdict.equal(0, left, f"of {len(made)} objects made, imports too, not freed")
    verdict.equal({}, kernel.dma_bufs(folder / "after"), "dma-bufs afterwards")
    return verdict.finish()


sys.exit(main())
