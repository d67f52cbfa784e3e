#!/usr/bin/env python3
"""objects.py RESULTS DRIVER: while the client held its objects, the kernel had just these, and afterwards none of them."""

import re
import sys
from collections import Counter
from pathlib import Path

import kernel
import oracle
from verdict import Verdict

# Drivers whose buffers are shared memory, all of whose pages the client touched; and those that place each in VRAM.
IN_SHARED_MEMORY = {"vgem", "virtio_gpu", "cirrus"}
IN_VRAM = {"radeon"}


def main():
    folder, driver = Path(sys.argv[1]) / sys.argv[2], sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "scene")
    output = (folder / "scene.out").read_text()
    objects = {int(name): int(size) for size, name in re.findall(r"^object handle \d+ size (\d+) name (\d+)$", output, re.M)}
    sizes = Counter(objects.values())
    total = sum(objects.values())
    before, held, after = (folder / when for when in ("before", "held", "after"))

    verdict.check(len(objects) >= 6, f"the client holds {len(objects)} objects, {total} bytes")
    verdict.equal(objects, kernel.named_sizes(held), "named objects (gem_names)")
    verdict.equal({}, kernel.named_sizes(after), "named objects afterwards")

    if kernel.driver_sizes(held) is not None:
        verdict.equal(sizes, kernel.driver_sizes(held) - kernel.driver_sizes(before), "objects in the driver's own list")
        verdict.equal(kernel.driver_sizes(before), kernel.driver_sizes(after), "the driver's own list afterwards")
    if driver in IN_VRAM and kernel.vram_used_pages(held) is not None:  # Linux 6.12 has no such file
        pages = kernel.vram_used_pages(held) - kernel.vram_used_pages(before)
        verdict.equal(total // 4096, pages, "pages of VRAM")
    if kernel.vram_used_pages(held) is not None:
        verdict.equal(kernel.vram_used_pages(before), kernel.vram_used_pages(after), "pages of VRAM in use afterwards")
    if driver in IN_SHARED_MEMORY:
        grown = kernel.shmem_bytes(held) - kernel.shmem_bytes(before)
        verdict.check(grown >= total, f"shared memory grew by {grown} bytes")

    calls = oracle.calls(oracle.load(folder / "log.jsonl"))
    made, left = kernel.objects_made(folder / "scene.gem")
    asked_for = kernel.objects_asked_for({**call, **oracle.expected_members(call)} for call in calls)
    verdict.equal(asked_for, made, f"{len(made)} objects made, in order, as the kernel noted it")
    verdict.equal(0, left, "objects made and not freed")
    shared = {int(inode) for inode in re.findall(r"^dma-buf (\d+)$", output, re.M)}
    verdict.check(driver == "bochs-drm" or len(shared) == 1, f"the client holds {len(shared)} dma-bufs")
    verdict.equal(shared, set(kernel.dma_bufs(held)), "inode numbers of dma-bufs (bufinfo)")
    verdict.equal({}, kernel.dma_bufs(after), "dma-bufs afterwards")
    return verdict.finish()


sys.exit(main())
