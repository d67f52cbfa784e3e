#!/usr/bin/env python3
"""strace.py RESULTS CLIENT: each request of a Mesa client that strace counted was recorded, in the very same run, on the same node;
what is not recorded is named by number; and the kernel made as many objects as were recorded."""

import re
import sys
from collections import Counter
from pathlib import Path

import kernel
import straced
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "record")
    print((folder / "record.out").read_text())
    listed = tracing.listed(folder / "trace")
    recorded = Counter((straced.node_of(line["device"]), line["request"], line["ret"] == -1) for line in listed)
    ours, others = straced.requests(folder / "strace")
    for node, name, failed in sorted(ours | recorded):
        key = node, name, failed
        verdict.equal(ours[key], recorded[key], f"{node}: {name}{' that failed' if failed else ''}: {ours[key]}")
    verdict.check(len(ours) > 1, f"{ours.total()} calls recorded, {others.total()} are of requests that are not")
    named = re.findall(r"driver virtio_gpu, request (0x[0-9a-f]+)", tracing.gpualloc("info", folder / "trace"))
    verdict.equal({request for _, request, _ in others}, {int(number, 16) for number in named}, "requests that are not, by number")
    made, left = kernel.objects_made(folder / "record.gem")
    verdict.equal(sorted(kernel.objects_asked_for(listed)), sorted(made), f"{len(made)} objects made, as the kernel noted it")
    verdict.equal(0, left, "objects made and not freed")
    return verdict.finish()


sys.exit(main())
