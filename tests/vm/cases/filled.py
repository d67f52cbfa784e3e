#!/usr/bin/env python3
"""filled.py RESULTS DRIVER: a client asks for more than the device's memory holds, and for a buffer that is larger than any: the
refusal is in the recording, the replay is refused the same, within the same memory, and nothing of it stays. A replay that may not
use so much is refused beforehand, in a line that says so."""

import json
import sys
from pathlib import Path

import edges
import kernel
import tracing
from verdict import Verdict

PIECE = 8 << 20


def main():
    folder, driver = Path(sys.argv[1]) / sys.argv[2], sys.argv[2]
    verdict = Verdict()
    verdict.status(folder, "fill")
    print((folder / "fill.err").read_text())
    listed = tracing.listed(folder / "fill-trace")
    printed = edges.printed(folder / "fill.out")
    verdict.equal(printed, edges.recorded(listed), "calls are what the client printed")
    failed = [line for line in listed if line["ret"] == -1]
    made, left = kernel.objects_made(folder / "fill.gem")
    verdict.equal(PIECE * 12, sum(size for size in made if size == PIECE), "bytes of buffers that the client made, 96 MiB")
    # qxl gives up what it refuses before the object is whole: the kernel frees it, but not by the function that is watched.
    verdict.equal(len(failed) if driver == "qxl" else 0, left, "objects made and not seen freed")
    if driver != "bochs-drm":  # which has no requests of its own
        verdict.equal([0xfffff000], [line["size"] for line in failed], "the buffer that no device holds is refused")

    verdict.status(folder, "fill-replay")
    issued = len(tracing.listed(folder / "fill-trace", mappings=True)) + 1
    for number, run in enumerate(json.loads((folder / "fill.json").read_text())["runs"], 1):
        verdict.equal([issued, {}, 0], [run["issued"], run["skipped"], run["differs"]],
                      f"run {number}: issued (and the file's close), skipped, different")
        refused = sum(kind["n"] for kind in run["kinds"] if kind["failed"])
        verdict.equal(len(failed), refused, f"run {number}: calls refused")
    kernel.judge_leftovers(verdict, folder / "before", folder / "fill-after")

    verdict.status(folder, "fill-refused", 1)
    error = (folder / "fill-refused.err").read_text()
    print(error)
    verdict.check("--max-bytes" in error and error.count("\n") == 1, "a replay that may not use so much is refused in one line")
    return verdict.finish()


sys.exit(main())
