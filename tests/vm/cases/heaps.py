#!/usr/bin/env python3
"""heaps.py RESULTS DRIVER: the dma-bufs that a heap or udmabuf made are in the recording, by the inode numbers and sizes that the
kernel had while the client held them; each was mapped whole, and none is left."""

import re
import sys
from pathlib import Path

import edges
import kernel
import tracing
from verdict import Verdict

# Requests that make dma-bufs, and their bytes by the members of the call.
MAKES = {"DMA_HEAP_IOCTL_ALLOC": lambda call: (call["len"] + kernel.PAGE - 1) // kernel.PAGE * kernel.PAGE,
         "UDMABUF_CREATE": lambda call: call["size"],
         "UDMABUF_CREATE_LIST": lambda call: sum(part["size"] for part in call["list"])}


def main():
    folder, driver = Path(sys.argv[1]) / "heaps", sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "record")
    output = (folder / "record.out").read_text()
    held = {int(inode): (int(size), exporter) for inode, size, exporter in re.findall(r"^dma-buf (\d+) (\d+) (\S+)$", output, re.M)}
    verdict.equal(held, kernel.exported(folder / "held"), f"{len(held)} dma-bufs: inode number, bytes and exporter (bufinfo)")
    verdict.equal({}, kernel.exported(folder / "after"), "dma-bufs afterwards")

    listed = tracing.listed(folder / "trace", mappings=True)
    calls = [call for call in listed if call["driver"] == driver]
    printed = [call for process in edges.printed(folder / "record.out").values() for call in process if call[0] in MAKES]
    requests = {call["request"] for call in calls}
    verdict.equal([call for call in printed if call[0] in requests], [(call["request"], call["errno"]) for call in calls],
                  f"{len(calls)} requests are what the client printed")
    ours = {inode: size for inode, (size, exporter) in held.items() if (exporter == "udmabuf") == (driver == "udmabuf")}
    made = {call["dma_buf"]: MAKES[call["request"]](call) for call in calls if call["errno"] == 0}
    verdict.equal(ours, made, f"{len(made)} dma-bufs recorded, inode number and bytes")
    verdict.check(sum(call["errno"] != 0 for call in calls) == 2, "two requests were refused")
    mapped = {call["dma_buf"]: call["length"] for call in reversed(listed) if call["request"] == "mmap" and call["dma_buf"] in ours}
    verdict.equal(ours, mapped, "each was mapped whole")
    return verdict.finish()


sys.exit(main())
