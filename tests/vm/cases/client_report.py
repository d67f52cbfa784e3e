#!/usr/bin/env python3
"""client_report.py RESULTS CLIENT: prints the report of a Mesa client's trace, which the boot leaves in build/vm/virgl. Each object
that the kernel made is in it."""

import json
import sys
from pathlib import Path

import kernel
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "record")
    print(tracing.gpualloc("report", folder / "trace"))
    summary = json.loads(tracing.gpualloc("report", "--json", folder / "trace"))["summary"]
    made, _ = kernel.objects_made(folder / "record.gem")
    verdict.equal(len(made), summary["memory"]["made"], f"{len(made)} allocations made")
    verdict.equal(False, summary["loss"]["lossy"], "lossy")
    commands = " ".join(process["command_line"] for process in summary["processes"])
    verdict.check(sys.argv[2] in commands, f"{sys.argv[2]} is named as the program")
    verdict.equal({"virtio_gpu"}, {file["driver"] for file in summary["files"]}, "driver")
    return verdict.finish()


sys.exit(main())
