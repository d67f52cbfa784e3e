"""What vm-drm-edges and vm-dma-bufs printed of their calls, and the same calls as they were recorded."""


def printed(path):
    """The calls of each process, in order: {pid: [(request, errno)]}."""
    calls = {}
    for line in path.read_text().splitlines():
        if line[:1].isdigit():
            pid, request, _, error = line.split()
            calls.setdefault(int(pid), []).append((request, int(error)))
    return calls


def recorded(listed):
    calls = {}
    for line in listed:
        calls.setdefault(line["pid"], []).append((line["request"], line["errno"]))
    return calls
