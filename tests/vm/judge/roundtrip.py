"""Two lists of calls, equal up to what a kernel chooses anew: handles, names, descriptors, addresses, times."""

# Members that hold an address or a number that means nothing but to the device.
CHOSEN = {"offset", "addr", "addr_ptr", "res_handle", "fd"}
TIMES_AND_PLACES = {"ts", "duration_ns", "process", "pid", "tid", "thread", "call", "file", "device", "marks"}


class Names:
    """Numbers that a kernel gave, as 'what the Nth call of the Mth thread made'."""

    def __init__(self):
        self.known = {}

    def told(self, kind, scope, number, maker):
        self.known[kind, scope, number] = maker

    def of(self, kind, scope, number):
        return self.known.get((kind, scope, number), "nothing")


def canonical_call(line, place, names):
    """The call with each number that the kernel chose replaced by its origin. place is its own (thread, number)."""
    outputs = {"MODE_CREATE_DUMB": "handle", "VIRTGPU_RESOURCE_CREATE": "bo_handle_out", "VIRTGPU_RESOURCE_CREATE_BLOB": "bo_handle",
               "RADEON_GEM_CREATE": "handle", "QXL_ALLOC": "handle", "QXL_ALLOC_SURF": "handle", "GEM_OPEN": "handle",
               "PRIME_FD_TO_HANDLE": "handle"}
    made = outputs.get(line["request"]) if line["ret"] == 0 else None
    plain = {}
    for name, value in line.items():
        if name in TIMES_AND_PLACES or name.endswith("_names"):
            continue
        if name == made:
            # A buffer that the file has already comes back under the handle that it has.
            origin = names.of("handle", line["file"], value)
            if origin == "nothing" or line["request"] != "PRIME_FD_TO_HANDLE":
                origin = place
            names.told("handle", line["file"], value, origin)
            plain[name] = origin
        elif name in ("handle", "bo_handle"):
            plain[name] = names.of("handle", line["file"], value)
        elif name == "name":
            if line["request"] == "GEM_FLINK" and names.of("name", line["device"], value) == "nothing":
                names.told("name", line["device"], value, place)
            plain[name] = names.of("name", line["device"], value)
        elif name == "dma_buf":
            if line["request"] == "PRIME_HANDLE_TO_FD":
                names.told("dma_buf", None, value, names.of("handle", line["file"], line["handle"]))
            plain[name] = names.of("dma_buf", None, value)
        elif name.removesuffix("_out") not in CHOSEN:
            plain[name] = value
    if line["request"] in ("GEM_CLOSE", "MODE_DESTROY_DUMB") and line["ret"] == 0:
        names.known.pop(("handle", line["file"], line["handle"]), None)
    return plain


def canonical(listed):
    """Calls by thread, threads in the order of what they asked for: which comes first is the scheduler's choice."""
    asked = {}
    for line in listed:
        asked.setdefault((line["pid"], line["tid"]), []).append(line["request"])
    threads = {thread: lane for lane, (_, thread) in enumerate(sorted((requests, thread) for thread, requests in asked.items()))}
    lanes, names = [[] for _ in threads], Names()
    for line in listed:
        lane = threads[line["pid"], line["tid"]]
        place = f"call {len(lanes[lane]) + 1} of thread {lane + 1}"
        lanes[lane].append(canonical_call(line, place, names))
    return lanes


def compare(recorded, again, verdict):
    recorded, again = canonical(recorded), canonical(again)
    verdict.equal([len(lane) for lane in recorded], [len(lane) for lane in again], "calls of each thread")
    differing = 0
    for thread, (before, after) in enumerate(zip(recorded, again), 1):
        for number, (one, other) in enumerate(zip(before, after), 1):
            if one != other:
                differing += 1
                names = [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
                what = "; ".join(f"{name} was {one.get(name)}, is {other.get(name)}" for name in names)
                if differing <= 5:
                    verdict.check(False, f"call {number} of thread {thread} ({one['request']}): {what}")
    verdict.check(differing == 0, f"{sum(map(len, again))} calls are those that were recorded")
