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
