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


def exported(folder):
    """dma-bufs of the whole system: {inode: (bytes, exporter)}."""
    found = {}
    for line in lines(folder, "bufinfo"):
        fields = line.split()
        if len(fields) >= 6 and all(re.fullmatch(r"[0-9a-f]+", field) for field in fields[:4]):
            found[int(fields[5])] = int(fields[0]), fields[4]
    return found


def dma_bufs(folder):
    """The same: {inode: bytes}."""
    return {inode: size for inode, (size, _) in exported(folder).items()}


def shmem_bytes(folder):
    return next(int(line.split()[1]) * 1024 for line in lines(folder, "meminfo") if line.startswith("Shmem:"))


def shmem_without_files(folder):
    return int(lines(folder, "shmem")[0])


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


PAGE = 4096


def objects_made(path):
    """Bytes of each GEM object that the kernel made during a watched step, in order; and how many of them it did not free."""
    made, alive = [], set()
    for line in Path(path).read_text().splitlines():
        if match := re.search(r"\bmade: .*size=(0x[0-9a-f]+) object=(0x[0-9a-f]+)", line):
            made.append(int(match[1], 16))
            alive.add(match[2])
        elif match := re.search(r"\bfreed: .*object=(0x[0-9a-f]+)", line):
            alive.discard(match[1])
    return made, len(alive)


def devices_of_objects(path):
    """Of each such object the device, as an address of the kernel's."""
    return re.findall(r"\bmade: .*device=(0x[0-9a-f]+)", Path(path).read_text())


def object_size(call):
    """Bytes of the GEM object that a request makes, from its members; None when it makes none."""
    size = call.get("size_out", call.get("size"))
    if call["request"] == "QXL_ALLOC_SURF":
        size = abs(call["stride"]) * (call["height"] + 1)  # the kernel adds a line
    elif call["request"] not in ("MODE_CREATE_DUMB", "VIRTGPU_RESOURCE_CREATE", "VIRTGPU_RESOURCE_CREATE_BLOB",
                                 "RADEON_GEM_CREATE", "QXL_ALLOC"):
        return None
    return (size + PAGE - 1) // PAGE * PAGE


def objects_asked_for(calls):
    """What the kernel should have made for these calls (lines of list, or oracle.expected_members of a client's log)."""
    sizes = (object_size(call) for call in calls if call["ret"] == 0)
    return [size for size in sizes if size is not None]


def judge_leftovers(verdict, before, after):
    """The device's memory is where it was before."""
    verdict.equal({}, named_sizes(after), "named objects afterwards")
    verdict.equal({}, dma_bufs(after), "dma-bufs afterwards")
    verdict.equal(driver_sizes(before), driver_sizes(after), "the driver's own list as it was before")
    verdict.equal(vram_used_pages(before), vram_used_pages(after), "pages of VRAM in use as before")
    verdict.equal(shmem_without_files(before), shmem_without_files(after), "shared memory, files apart, as before")
