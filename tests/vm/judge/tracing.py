"""gpualloc's verbs on a trace that came out of a guest."""

import json
import subprocess


def gpualloc(*arguments):
    """What the verb printed; it has to succeed."""
    done = subprocess.run(["gpualloc", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"NOT OK  gpualloc {' '.join(map(str, arguments))}: exit status {done.returncode}: {done.stderr}")
    return done.stdout


def listed(trace):
    return [json.loads(line) for line in gpualloc("list", "--format", "jsonl", trace).splitlines()]


# Requests that replay does not issue: they make and end nothing. Commands are not in a trace, and nothing waits for them.
NOT_ISSUED = {"VIRTGPU_EXECBUFFER", "VIRTGPU_WAIT", "VIRTGPU_TRANSFER_TO_HOST", "VIRTGPU_TRANSFER_FROM_HOST", "VIRTGPU_GETPARAM",
              "VIRTGPU_GET_CAPS", "VIRTGPU_CONTEXT_INIT"}


def issued(calls):
    """Those of the calls that a replay issues."""
    return [call for call in calls if call["request"] not in NOT_ISSUED]
