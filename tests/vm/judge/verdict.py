"""What a case found: one line a check, and an exit status. Named as ctest's output shall read."""

import sys


class Verdict:
    def __init__(self):
        self.failures = 0

    def check(self, good, what):
        print(("ok      " if good else "NOT OK  ") + what)
        self.failures += not good

    def equal(self, expected, found, what):
        self.check(expected == found, what + ("" if expected == found else f": expected {expected}, found {found}"))

    def status(self, folder, step, expected=0):
        """A step of the guest ended as it should; what it said otherwise is shown, and the case ends."""
        path = folder / f"{step}.status"
        if not path.exists():
            sys.exit(f"NOT OK  the guest did not come to {folder.name}/{step}")
        status = int(path.read_text())
        self.equal(expected, status, f"exit status of {step}")
        if status != expected:
            sys.exit((folder / f"{step}.out").read_text()[-2000:] + (folder / f"{step}.err").read_text()[-2000:])

    def finish(self):
        return 1 if self.failures else 0
