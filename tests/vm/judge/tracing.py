"""gpualloc's verbs on a trace that came out of a guest."""

import json
import subprocess


def gpualloc(*arguments):
    """What the verb printed; it has to succeed."""
    done = subprocess.run(["gpualloc", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"NOT OK  gpualloc {' '.join(map(str, arguments))}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


# A program's mappings are in a recording, too. Clients do not log them, and strace is not asked for them.
MAPPINGS = {"drm:mmap", "drm:munmap", "drm:mremap"}


def listed(trace, mappings=False):
    """The requests of a trace, or all its calls."""
    lines = (json.loads(line) for line in gpualloc("list", "--format", "jsonl", trace).splitlines())
    return [line for line in lines if mappings or line["event"] not in MAPPINGS]


# Requests that replay does not issue: commands are not in a trace.
NOT_ISSUED = {"VIRTGPU_EXECBUFFER"}


def issued(calls):
    """Those of the calls that a replay issues."""
    return [call for call in calls if call["request"] not in NOT_ISSUED]


def without_own_questions(calls):
    """Those of a replay's recording that it does not ask for itself before it begins: how much memory the card has, and, on a file of
    its own, what virtio_gpu's host takes."""
    files = {}
    for call in calls:
        files.setdefault((call["process"], call.get("file")), []).append(call["request"])
    own = [file for file, requests in files.items() if requests == ["VIRTGPU_GETPARAM"] * 3][:1]
    return [call for call in calls if call["request"] != "RADEON_GEM_INFO" and (call["process"], call.get("file")) not in own]


def without_waits(calls):
    return [call for call in calls if call["request"] != "VIRTGPU_WAIT"]


def waits(calls):
    """Calls whose outcome depends on what the device is busy with, and a replay keeps it busy with other work than the client did."""
    return [call for call in calls if call["request"] == "VIRTGPU_WAIT"]
