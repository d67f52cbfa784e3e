#!/usr/bin/python3
"""A histogram of allocation sizes, in powers of two: how many, and how many bytes. As text, or as a picture with -o."""

import collections

import gpualloc


def histogram(trace):
    counts, sums, unknown = collections.Counter(), collections.Counter(), 0
    for allocation in gpualloc.allocations(trace):
        if allocation.imported:
            continue
        if allocation.size is None:
            unknown += 1
            continue
        bucket = max(allocation.size - 1, 0).bit_length()  # up to and with 2**bucket
        counts[bucket] += 1
        sums[bucket] += allocation.size
    return counts, sums, unknown


def print_text(counts, sums, unknown):
    most = max(counts.values(), default=0)
    rows = [("≤ " + gpualloc.bytes_text(1 << bucket), counts[bucket], gpualloc.bytes_text(sums[bucket]),
             ("█" * round(40 * counts[bucket] / most) or "▏").ljust(40)) for bucket in sorted(counts)]
    print(gpualloc.table(rows, ("Size", "Allocations", "Bytes", "")))
    if unknown:
        print(f"{unknown} of unknown size")


def draw(counts, sums, unknown, path, trace):
    plot = gpualloc.pyplot()
    buckets = range(min(counts, default=0), max(counts, default=0) + 1)
    labels = [gpualloc.bytes_text(1 << bucket) for bucket in buckets]
    figure, (above, below) = plot.subplots(2, 1, sharex=True, figsize=(9, 5.5), constrained_layout=True)
    above.bar(labels, [counts[bucket] for bucket in buckets], color="#0072b2")
    above.set_ylabel("allocations")
    below.bar(labels, [sums[bucket] / 1048576 for bucket in buckets], color="#e69f00")
    below.set_ylabel("MiB")
    below.set_xlabel("size of an allocation, up to")
    below.tick_params(axis="x", rotation=60)
    note = f", {unknown} of unknown size" if unknown else ""
    above.set_title(f"{trace}: {sum(counts.values())} allocations, {gpualloc.bytes_text(sum(sums.values()))}{note}")
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.3)
    figure.savefig(path, dpi=110)


def sizes(options):
    figures = histogram(options.trace)
    if options.output:
        draw(*figures, options.output, options.trace)
    else:
        print_text(*figures)


gpualloc.script(sizes, __doc__, (("-o", "--output"), {"metavar": "FILE", "help": "write a picture (.png, .svg, .pdf)"}))
