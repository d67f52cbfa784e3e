#!/usr/bin/python3
"""Churn: memory of one size that a thread makes and frees again and again. Says what a pool would have saved.

A pool that keeps the most that was alive at once answers every later create without the driver; what it saves are those calls, and the
frees. Allocations that lived longer than --lifetime are no churn.
"""

import collections

import gpualloc


def peak(group):
    """How many were alive at once, at most."""
    events = sorted([(a.born_ns, 1) for a in group] + [(a.died_ns, -1) for a in group])
    alive = most = 0
    for _, step in events:
        alive += step
        most = max(most, alive)
    return most


def churn(options):
    limit, groups = options.lifetime * 1_000_000, collections.defaultdict(list)
    for a in gpualloc.allocations(options.trace):
        if a.end == "freed" and not a.imported and a.lifetime_ns <= limit and a.size is not None:
            groups[a.process, a.tid, a.size, a.name or a.interface].append(a)
    rows = []
    for (_, tid, size, what), group in groups.items():
        needed = peak(group)
        saved = len(group) - needed
        if saved < options.least:
            continue
        mean = sum(a.create_latency_ns + a.end_latency_ns for a in group) / len(group)
        life = sum(a.lifetime_ns for a in group) / len(group)
        rows.append((saved * mean, what, f"{group[0].pid}/{tid}", gpualloc.bytes_text(size), len(group), gpualloc.time_text(life),
                     needed, saved, gpualloc.time_text(saved * mean)))
    rows.sort(reverse=True)
    if not rows:
        print(f"No size was made and freed again {options.least} times within {options.lifetime} ms.")
        return
    print(gpualloc.table([row[1:] for row in rows[: options.top]],
                         ("What", "pid/tid", "Size", "Made", "Mean life", "Pool of", "Calls saved", "Time saved")))


gpualloc.script(churn, __doc__,
                (("--lifetime",), {"type": float, "default": 100, "metavar": "MS", "help": "longest life of churn (default: 100)"}),
                (("--least",), {"type": int, "default": 10, "metavar": "N", "help": "recreated at least so often (default: 10)"}),
                (("-n", "--top"), {"type": int, "default": 20, "help": "rows (default: 20)"}))
