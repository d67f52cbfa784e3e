#!/usr/bin/env python3
"""objects.py RESULTS DRIVER: while the client held its objects, the kernel had just these, and afterwards none of them."""

import re
import sys
from collections import Counter
from pathlib import Path

import kernel
import oracle
from report import Report

# Drivers whose buffers are shared memory, all of whose pages the client touched; and those that place each in VRAM.
IN_SHARED_MEMORY = {"vgem", "virtio_gpu", "cirrus"}
IN_VRAM = {"radeon"}


def main():
    folder, driver = Path(sys.argv[1]) / sys.argv[2], sys.argv[2]
    report = Report()
    report.status(folder, "scene")
    output = (folder / "scene.out").read_text()
    objects = {int(name): int(size) for size, name in re.findall(r"^object handle \d+ size (\d+) name (\d+)$", output, re.M)}
    sizes = Counter(objects.values())
    total = sum(objects.values())
    before, held, after = (folder / when for when in ("before", "held", "after"))

    report.check(len(objects) >= 6, f"the client holds {len(objects)} objects, {total} bytes")
    report.equal(objects, kernel.named_sizes(held), "named objects (gem_names)")
    report.equal({}, kernel.named_sizes(after), "named objects afterwards")

    if kernel.driver_sizes(held) is not None:
        report.equal(sizes, kernel.driver_sizes(held) - kernel.driver_sizes(before), "objects in the driver's own list")
        report.equal(kernel.driver_sizes(before), kernel.driver_sizes(after), "the driver's own list afterwards")
    if driver in IN_VRAM:
        pages = kernel.vram_used_pages(held) - kernel.vram_used_pages(before)
        report.equal(total // 4096, pages, "pages of VRAM")
    if kernel.vram_used_pages(held) is not None:
        report.equal(kernel.vram_used_pages(before), kernel.vram_used_pages(after), "pages of VRAM in use afterwards")
    if driver in IN_SHARED_MEMORY:
        grown = kernel.shmem_bytes(held) - kernel.shmem_bytes(before)
        report.check(grown >= total, f"shared memory grew by {grown} bytes")

    calls = oracle.load(folder / "log.jsonl")
    made, left = kernel.objects_made(folder / "scene.gem")
    asked_for = kernel.objects_asked_for({**call, **oracle.expected_members(call)} for call in calls)
    report.equal(asked_for, made, f"{len(made)} objects made, in order, as the kernel noted it")
    report.equal(0, left, "objects made and not freed")
    shared = {call["dma_buf"] for call in calls if "dma_buf" in call}
    report.check(driver == "bochs-drm" or len(shared) == 1, f"the client shares {len(shared)} dma-bufs")
    report.equal(shared, set(kernel.dma_bufs(held)), "inode numbers of dma-bufs (bufinfo)")
    report.equal({}, kernel.dma_bufs(after), "dma-bufs afterwards")
    return report.finish()


sys.exit(main())
