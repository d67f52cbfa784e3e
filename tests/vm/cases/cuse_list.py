#!/usr/bin/env python3
"""cuse_list.py RESULTS NAME: a recording on the node, with nothing but the tracer preloaded, is what the client logged by itself of
its calls, byte by byte (the end-to-end tests' oracle says so); and nothing of it is called hardware."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tracing
from verdict import Verdict


def main():
    folder, name = Path(sys.argv[1]) / "scene", sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, name)
    oracle = [sys.executable, Path(os.environ["SOURCE"]) / "tests" / "e2e" / "oracle.py"]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as listed:
        listed.write(tracing.gpualloc("list", "--format", "jsonl", "--blobs", "hex", folder / name))
        listed.flush()
        options = ["--ioctl"] if name == "ioctl" else []
        verdict.equal(0, subprocess.run([*oracle, *options, folder / f"{name}.log", listed.name]).returncode, "the oracle's verdict")
    report = tracing.gpualloc("report", folder / name)
    verdict.check("a device made of software" in report, "the report says that the device is made of software")
    info = tracing.gpualloc("info", folder / name)
    verdict.check("/dev/dxg, device" in info and "driver softgpu" in info, "the file is /dev/dxg, and softgpu its driver")
    return verdict.finish()


sys.exit(main())
