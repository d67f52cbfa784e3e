#!/usr/bin/env python3
"""stray.py RESULTS: requests with a DRM request's number on descriptors that are no GPU's leave nothing in the recording."""

import sys
from pathlib import Path

import edges
import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "stray"
    verdict = Verdict()
    verdict.status(folder, "record")
    recorded = edges.recorded(tracing.listed(folder / "trace"))
    verdict.equal(edges.printed(folder / "record.out"), recorded, "the device's calls, and no other")
    verdict.check("Untraced requests" not in tracing.gpualloc("info", folder / "trace"), "none is counted as untraced")
    return verdict.finish()


sys.exit(main())
