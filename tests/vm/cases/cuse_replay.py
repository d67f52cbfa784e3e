#!/usr/bin/env python3
"""cuse_replay.py RESULTS: the node is listed as a device made of software; a recording is issued again on it by backend dxg, with
the recorded results; and what comes of it says that no hardware was measured."""

import json
import sys
from pathlib import Path

from verdict import Verdict


def main():
    folder = Path(sys.argv[1]) / "scene"
    verdict = Verdict()
    verdict.status(folder, "devices")
    nodes = [node for node in json.loads((folder / "devices.out").read_text())["devices"] if node["node"] == "/dev/dxg"]
    verdict.equal([("softgpu", "dxg", True, ["softgpu"])],
                  [(node["driver"], node["backend"], node["software"], node["adapters"]) for node in nodes], "devices")
    verdict.status(folder, "replay")
    result = json.loads((folder / "replay.json").read_text())
    verdict.equal(("dxg", "verbatim"), (result["backend"], result["mode"]), "backend and mode")
    verdict.equal({"node": "/dev/dxg", "driver": "softgpu", "driver_version": "", "software": True, "never_run_on_hardware": False},
                  result["device"], "device")
    verdict.equal(3, len(result["runs"]), "runs")
    for run in result["runs"]:
        verdict.equal((result["plan"]["calls"], {}, 0, 0),
                      (run["issued"], run["skipped"], run["differs"], run["order_violations"]),
                      "issued, skipped, with another outcome, out of order")
    verdict.check("software, no hardware was measured" in (folder / "replay.out").read_text(), "no hardware was measured, it says")
    return verdict.finish()


sys.exit(main())
