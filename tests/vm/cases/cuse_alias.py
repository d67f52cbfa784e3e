#!/usr/bin/env python3
"""cuse_alias.py RESULTS: a node of another name is /dev/dxg all the same, by its device number."""

import sys
from pathlib import Path

import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "scene"
    verdict = Verdict()
    verdict.status(folder, "alias")
    verdict.equal([("d3dkmt:enum_adapters2", 0, 1)], [(call["event"], call["ret"], call["NumAdapters_out"])
                                                   for call in tracing.listed(folder / "alias")], "calls on /run/alias")
    verdict.check("/run/alias, device" in tracing.gpualloc("info", folder / "alias"), "and its path is told")
    return verdict.finish()


sys.exit(main())
