#!/usr/bin/env python3
"""cuse_users.py RESULTS: a plain user uses the node as root does, and records on it; where the node's rights say no, every program
says so in a line, and root goes on. There is one node: a second server is refused. Where the kernel lets nobody reach another's
memory, the server says so, once."""

import sys
from pathlib import Path

import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "users"
    verdict = Verdict()
    for step, status in {"allowed": 0, "recorded": 0, "refused": 1, "refused-devices": 0, "refused-replay": 1, "root": 0,
                         "second": 1, "after": 1, "forbidden": 1}.items():
        verdict.status(folder, step, status)
    said = {path.stem: path.read_text() for path in folder.glob("*.err")}
    verdict.equal(72, len(tracing.listed(folder / "trace")), "calls that the user recorded")
    verdict.check("/dev/dxg: Permission denied" in (folder / "refused-devices.out").read_text(), "devices says why")
    verdict.equal("gpualloc replay: dxg: /dev/dxg: Permission denied\n", said["refused-replay"], "replay says why")
    verdict.equal("softgpu-cuse: there is a /dev/dxg already\n", said["second"], "a second server says why")
    verdict.check("which this machine does not have" in said["after"], "the node goes with its server")
    server = (folder / "server.out").read_text().splitlines()
    verdict.equal(2, len(server), "lines that the server said where memory cannot be reached")
    verdict.check("kernel.yama.ptrace_scope" in server[-1], server[-1])
    return verdict.finish()


sys.exit(main())
