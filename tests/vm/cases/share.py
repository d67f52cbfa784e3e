#!/usr/bin/env python3
"""share.py RESULTS: buffers of vgem that cirrus imports. Both devices are in the recording, joined by the dma-bufs' inode
numbers, and a replay says that one device stood for two."""

import json
import sys
from pathlib import Path

import tracing
from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "share"
    verdict = Verdict()
    verdict.status(folder, "record")
    listed = tracing.listed(folder / "trace")
    exports = [line for line in listed if line["request"] == "PRIME_HANDLE_TO_FD"]
    imports = [line for line in listed if line["request"] == "PRIME_FD_TO_HANDLE"]
    verdict.equal([("vgem", 0)] * 5, [(line["driver"], line["ret"]) for line in exports], "exports")
    verdict.equal([("cirrus", 0)] * 5, [(line["driver"], line["ret"]) for line in imports], "imports")
    verdict.equal([line["dma_buf"] for line in exports], [line["dma_buf"] for line in imports], "dma-bufs, exported and imported")
    memory = json.loads(tracing.gpualloc("report", "--json", folder / "trace"))["summary"]["memory"]
    verdict.equal([5, 5, 0], [memory["made"], memory["imported"], memory["at_end"]], "made, imported, alive at the end")

    verdict.status(folder, "replay")
    result = json.loads((folder / "replay.json").read_text())
    verdict.equal(["vgem", "cirrus"], result["plan"]["recorded_on"], "recorded on")
    verdict.check("this device alone stands for them" in (folder / "replay.out").read_text(), "and said so")
    verdict.equal([len(listed) + 2, {}], [result["runs"][0]["issued"], result["runs"][0]["skipped"]],
                  "calls and closes issued, and skipped")
    return verdict.finish()


sys.exit(main())
