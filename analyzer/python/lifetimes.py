#!/usr/bin/python3
"""A scatter of lifetime over size, a point an allocation, coloured by how it ended: pools hide at the lower left, leaks on top."""

import collections

import gpualloc

# Colours of Okabe and Ito: told apart by the colour-blind as well; shapes for the rest.
LOOKS = {
    "freed": ("#0072b2", "o", "freed"),
    "with_owner": ("#56b4e9", "s", "freed with its device"),
    "closed": ("#009e73", "^", "freed with its file"),
    "alive": ("#d55e00", "X", "alive at the end"),
    "lost": ("#999999", ".", "end not recorded"),
}


def lifetimes(options):
    plot = gpualloc.pyplot()
    points, unknown = collections.defaultdict(list), 0
    for allocation in gpualloc.allocations(options.trace):
        if allocation.size is None:
            unknown += 1
        elif not allocation.imported:
            points[allocation.end].append((max(allocation.size, 1), max(allocation.lifetime_ns, 1)))
    figure, axis = plot.subplots(figsize=(9, 5.5), constrained_layout=True)
    for end, (colour, marker, label) in LOOKS.items():
        if points[end]:
            label += f": {len(points[end])}"
            axis.scatter(*zip(*points[end]), c=colour, marker=marker, s=22, alpha=0.6, linewidths=0, label=label)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.xaxis.set_major_formatter(lambda value, _: gpualloc.bytes_text(value))
    axis.yaxis.set_major_formatter(lambda value, _: gpualloc.time_text(value))
    axis.set_xlabel("size")
    axis.set_ylabel("lifetime")
    axis.set_title(options.trace + (f" ({unknown} of unknown size are not shown)" if unknown else ""))
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    if any(points.values()):
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(options.output, dpi=110)
    print(f"{options.output}: {sum(map(len, points.values()))} allocations")


gpualloc.script(lifetimes, __doc__, (("-o", "--output"), {"metavar": "FILE", "default": "lifetimes.png",
                                                          "help": "picture to write: .png, .svg, .pdf (default: lifetimes.png)"}))
