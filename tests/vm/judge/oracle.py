"""The client's own log against what `gpualloc list --format jsonl` says: call by call, member by member."""

import json

# What list says of every call, beside the members of its structure.
HEADER = {"event", "ts", "duration_ns", "process", "pid", "tid", "thread", "call", "layer", "ret", "errno", "driver", "request",
          "file", "device", "marks"}


def load(path):
    """All lines: calls, and the last closes of files."""
    with open(path) as file:
        return [json.loads(line) for line in file]


def calls(log):
    return [line for line in log if line["request"] != "close"]


def expected_members(call):
    """The members of a logged call as list has to show them: inputs as they were before it, outputs only of a success, and an
    input that the driver wrote to under its name with _out, too."""
    failed = call["ret"] != 0
    members = {}
    for name, before in call["before"].items():
        after = call["after"][name]
        if name in call["outputs"]:
            if not failed:
                members[name] = after
            continue
        members[name] = before
        if not failed and after != before:
            members[name + "_out"] = after
    if not failed and "dma_buf" in call:
        members["dma_buf"] = call["dma_buf"]
    return members


def compare_call(call, listed):
    """What differs, as texts."""
    wrong = [f"{name} is {listed.get(name)}, the client has {call[name]}"
             for name in ("driver", "request", "ret", "errno") if listed.get(name) != call[name]]
    if listed.get("layer") != "ioctl":
        wrong.append(f"layer is {listed.get('layer')}")
    members = expected_members(call)
    for name, value in members.items():
        if name not in listed:
            wrong.append(f"{name} is missing, the client has {value}")
        elif listed[name] != value:
            wrong.append(f"{name} is {listed[name]}, the client has {value}")
    for name in listed.keys() - members.keys() - HEADER:
        unchanged = name.endswith("_out") and listed[name] == call["before"].get(name[:-4])
        if not unchanged and not name.endswith("_names"):
            wrong.append(f"{name} is {listed[name]}, and the client has no such thing")
    return wrong


def compare(log, listed, verdict):
    log = calls(log)
    verdict.equal(len(log), len(listed), "number of calls")
    differing = 0
    for number, (call, line) in enumerate(zip(log, listed), 1):
        wrong = compare_call(call, line)
        differing += bool(wrong)
        if wrong and differing <= 5:
            verdict.check(False, f"call {number} ({call['request']}): {'; '.join(wrong)}")
    files = {(call["file"], line["file"]) for call, line in zip(log, listed)}
    verdict.equal([len({file for file, _ in files})] * 2, [len(files), len({file for _, file in files})],
                  "one file in the recording for each that the client opened")
    kinds = sorted({call["request"] for call in log})
    failed = sum(call["ret"] != 0 for call in log)
    verdict.check(differing == 0, f"{len(log)} calls ({failed} of them failed) of {len(kinds)} kinds: {', '.join(kinds)}")


def compare_order(listed, verdict):
    """Completed calls are in the order of their ends, and no thread lacks a call number."""
    ends = [line["ts"] + line["duration_ns"] for line in listed]
    verdict.check(ends == sorted(ends), "calls are in the order in which they completed")
    numbers = {}
    for line in listed:
        numbers.setdefault(line["tid"], []).append(line["call"])
    for tid, found in numbers.items():
        verdict.equal(list(range(1, len(found) + 1)), found, f"call numbers of thread {tid}")


class Lives:
    """The client's allocations, followed through its own log: what was made, what was alive at most, how they ended."""

    def __init__(self, log):
        self.made = self.freed = self.closed = self.bytes_now = self.peak = self.bytes_made = 0
        self.alive = {}
        for line in log:
            if line["request"] == "close":
                for key in [key for key in self.alive if key[0] == line["file"]]:
                    size = self.alive.pop(key)
                    self.closed += size is not None
                    self.bytes_now -= size or 0
            elif line["ret"] == 0:
                self.step(line)

    def step(self, call):
        members = {**call["before"], **call["after"]}
        handle = members.get("handle", members.get("bo_handle"))
        key = call["file"], handle
        size = members.get("size")
        if call["request"] == "QXL_ALLOC_SURF":
            size = abs(members["stride"]) * members["height"]
        if call["request"] in ("GEM_CLOSE", "MODE_DESTROY_DUMB"):
            size = self.alive.pop(key)
            self.freed += size is not None
            self.bytes_now -= size or 0
        elif call["request"] in ("GEM_OPEN", "PRIME_FD_TO_HANDLE"):
            self.alive.setdefault(key, None)  # memory that was made elsewhere
        elif "CREATE" in call["request"] or "ALLOC" in call["request"]:
            self.alive[key] = size
            self.made += 1
            self.bytes_made += size
            self.bytes_now += size
            self.peak = max(self.peak, self.bytes_now)
