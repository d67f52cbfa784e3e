#!/usr/bin/env python3
"""cuse_rule.py RESULTS RULE STEP…: the cmocka test RULE, which one of the guest's steps ran, passed there."""

import re
import sys
from pathlib import Path


def main():
    folder, rule = Path(sys.argv[1]) / "rules", sys.argv[2]
    for step in sys.argv[3:]:
        path = folder / f"{step}.out"
        lines = path.read_text().splitlines() if path.exists() else []
        for at, line in enumerate(lines):
            if re.fullmatch(rf"(not )?ok \d+ (- |# SKIP ){rule}", line):
                print("\n".join(lines[at:at + 4]))
                return 0 if line.startswith("ok") else 1
    sys.exit(f"NOT OK  the guest did not come to {rule}\n" + "\n".join(
        f"{path.name}: {path.read_text()[-500:]}" for path in sorted(folder.glob("*.err"))))


sys.exit(main())
