#!/usr/bin/env python3
"""heaps_shared.py RESULTS: dma-bufs that no GPU made, offered to GPUs and sent to another process: whoever takes one, it is known by
its inode number, and each buffer that came of it is given up."""

import sys
from pathlib import Path

import edges
import kernel
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "heaps"
    verdict = Verdict()
    verdict.status(folder, "record")
    listed = tracing.listed(folder / "trace", mappings=True)
    requests = [call for call in listed if call["event"] not in tracing.MAPPINGS]
    printed = edges.printed(folder / "record.out")
    verdict.equal(printed, edges.recorded(requests), f"{len(requests)} calls of {len(printed)} processes are what the client printed")

    offered, newest = {}, None
    first = listed[0]["pid"]
    for call in listed:
        if call["driver"] in ("dma_heap", "udmabuf"):
            newest = call.get("dma_buf", newest)
        elif call["request"] == "PRIME_FD_TO_HANDLE" and call["pid"] == first and call["errno"] == 0:
            verdict.equal(newest, call["dma_buf"], f"dma-buf {newest} on {call['driver']}")
            offered.setdefault(call["driver"], []).append(newest)
    made = sorted(kernel.exported(folder / "held"))
    verdict.equal(made, offered.get("vgem"), "vgem takes each")

    sent = [call["dma_buf"] for call in listed if call["pid"] != first and call["request"] == "PRIME_FD_TO_HANDLE"]
    verdict.equal([made[0], made[-1]], sent, "the first and the last are the same in the other process")
    mapped = [call["dma_buf"] for call in listed if call["pid"] != first and call["request"] == "mmap"]
    verdict.equal(sent, mapped, "which maps them")
    objects, left = kernel.objects_made(folder / "record.gem")
    imports = [call for call in listed if call["request"] == "PRIME_FD_TO_HANDLE" and call["errno"] == 0]
    verdict.equal([len(imports), 0], [len(objects), left], "objects made of them as the kernel noted it, and not freed")
    return verdict.finish()


sys.exit(main())
