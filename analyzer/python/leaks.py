#!/usr/bin/python3
"""What no call freed, alive at the end or gone with its device or file: by surface, with the call, the thread and the bytes of each,
largest first."""

import collections

import gpualloc


def leaks(options):
    groups, made = collections.defaultdict(list), 0
    for made, allocation in enumerate(gpualloc.allocations(options.trace), 1):
        if allocation.leaked and not allocation.imported:
            groups[allocation.surface_name].append(allocation)
    ranked = sorted(groups.items(), key=lambda group: -sum(a.size or 0 for a in group[1]))
    rows = []
    for name, group in ranked[: options.top]:
        largest = max(group, key=lambda a: a.size or 0)
        ends = collections.Counter(a.end.replace("_", " ") for a in group)
        rows.append((name, len(group), gpualloc.sum_text(a.size for a in group),
                     ", ".join(f"{count} {end}" if len(ends) > 1 else end for end, count in ends.most_common()),
                     f"{largest.pid}/{largest.tid}", f"{largest.request} #{largest.create_call}",
                     gpualloc.time_text(largest.lifetime_ns)))
    if not rows:
        print(f"Each of the {made} allocations was freed by a call." if made else "No allocation was recorded.")
        return
    print(gpualloc.table(rows, ("Surface", "Left", "Bytes", "End", "pid/tid", "Largest made by", "Alive for")))


gpualloc.script(leaks, __doc__, (("-n", "--top"), {"type": int, "default": 20, "help": "rows (default: 20)"}))
