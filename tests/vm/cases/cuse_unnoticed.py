#!/usr/bin/env python3
"""cuse_unnoticed.py RESULTS: the client's own log and its output are the same with the tracer and without, on the node."""

import os
import subprocess
import sys
from pathlib import Path

from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "scene"
    verdict = Verdict()
    verdict.status(folder, "plain")
    verdict.status(folder, "node")
    oracle = Path(os.environ["SOURCE"]) / "tests" / "e2e" / "oracle.py"
    compared = subprocess.run([sys.executable, oracle, "--same", folder / "plain.log", folder / "node.log"])
    verdict.equal(0, compared.returncode, "logs with and without the tracer: the oracle's verdict")
    verdict.check((folder / "plain.out").read_text() == (folder / "node.out").read_text(), "standard output is the same")
    verdict.equal("", (folder / "plain.err").read_text(), "the client says nothing on standard error")
    return verdict.finish()


sys.exit(main())
