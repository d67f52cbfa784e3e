"""What the kernel said exists, from the files that ask_kernel (rig/guest.sh) left."""

import re
from collections import Counter
from pathlib import Path


def lines(folder, name):
    path = Path(folder) / name
    return path.read_text().splitlines() if path.exists() else None


def named_sizes(folder):
    """GEM objects with a global name: {name: bytes}."""
    return {int(name): int(size) for name, size, *_ in map(str.split, lines(folder, "gem_names")[1:])}


def dma_bufs(folder):
    """dma-bufs of the whole system: {inode: bytes}."""
    found = {}
    for line in lines(folder, "bufinfo"):
        fields = line.split()
        if len(fields) >= 6 and all(re.fullmatch(r"[0-9a-f]+", field) for field in fields[:4]):
            found[int(fields[5])] = int(fields[0])
    return found


def shmem_bytes(folder):
    return next(int(line.split()[1]) * 1024 for line in lines(folder, "meminfo") if line.startswith("Shmem:"))


def driver_sizes(folder):
    """Objects that the driver itself lists: Counter of bytes; None where it has no such list."""
    if (text := lines(folder, "radeon_gem_info")) is not None:
        return Counter(int(re.search(r"(\d+)kB", line)[1]) * 1024 for line in text)
    if (text := lines(folder, "qxl_buffers")) is not None:
        return Counter(int(re.match(r"size (\d+)", line)[1]) for line in text)
    return None


def vram_used_pages(folder):
    """Pages that the driver's VRAM manager has given out; None where there is none."""
    for name in ("radeon_vram_mm", "vram-mm"):
        if (text := lines(folder, name)) is not None:
            return int(re.search(r"used (\d+)", text[-1])[1])
    return None
