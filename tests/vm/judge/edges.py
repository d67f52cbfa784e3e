"""What vm-drm-edges printed of its calls, and the same calls as they were recorded."""


def printed(path):
    """The calls of each process, in order: {pid: [(request, errno)]}."""
    calls = {}
    for pid, request, _, error in map(str.split, path.read_text().splitlines()):
        calls.setdefault(int(pid), []).append((request, int(error)))
    return calls


def recorded(listed):
    calls = {}
    for line in listed:
        calls.setdefault(line["pid"], []).append((line["request"], line["errno"]))
    return calls
