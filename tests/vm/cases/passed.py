#!/usr/bin/env python3
"""passed.py RESULTS DRIVER: descriptors that went to another process over a socket: a dma-buf has one inode number in both, calls on
the device's descriptor are of the same device, and a replay leaves nothing behind."""

import json
import sys
from pathlib import Path

import edges
import kernel
import tracing
from verdict import Verdict


def main():
    folder, driver = Path(sys.argv[1]) / sys.argv[2], sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "pass")
    listed = tracing.listed(folder / "pass-trace")
    printed = edges.printed(folder / "pass.out")
    verdict.equal(printed, edges.recorded(listed), f"calls of {len(printed)} processes are what they printed")
    verdict.equal({(driver, listed[0]["device"])}, {(line["driver"], line["device"]) for line in listed}, "one driver, one device")
    shared = {(line["request"], line["dma_buf"]) for line in listed if "dma_buf" in line}
    exports = driver != "bochs-drm" or bool(shared)  # its buffers can be exported from Linux 6.11 on
    verdict.equal(exports, len(shared) == 2 and len({inode for _, inode in shared}) == 1, "one dma-buf in both processes")
    made, left = kernel.objects_made(folder / "pass.gem")
    verdict.equal(kernel.objects_asked_for(listed), made, f"{len(made)} objects made, as the kernel noted it")
    verdict.equal(0, left, "objects made and not freed")

    verdict.status(folder, "pass-replay")
    run = json.loads((folder / "pass.json").read_text())["runs"][0]
    # Each process sees the device's open file as one of its own: what one made and the other ends stays until the file is closed.
    verdict.equal([{"stranger": 1}, 0, 0], [run["skipped"], run["differs"], run["order_violations"]],
                  "skipped, different, out of order")
    kernel.judge_leftovers(verdict, folder / "before", folder / "pass-after")
    return verdict.finish()


sys.exit(main())
