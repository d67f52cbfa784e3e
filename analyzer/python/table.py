#!/usr/bin/python3
"""Every allocation as a row of a table, for a spreadsheet, R or pandas: CSV with a header, to standard output or a file.

A size that is unknown is an empty cell. Handles and ids are hexadecimal.
"""

import contextlib
import csv
import sys

import gpualloc

HEXADECIMAL = ("process", "device", "handle", "owner", "resource", "surface")


def cells(allocation):
    for name, value in zip(allocation._fields, allocation):
        yield f"{value:#x}" if name in HEXADECIMAL else "" if value is None else int(value) if isinstance(value, bool) else value


def table(options):
    opened = open(options.output, "w", newline="") if options.output else contextlib.nullcontext(sys.stdout)
    with opened as file:
        writer = csv.writer(file, delimiter="\t" if options.tabs else ",", lineterminator="\n")
        writer.writerow(gpualloc.Allocation._fields)
        for allocation in gpualloc.allocations(options.trace):
            writer.writerow(cells(allocation))


gpualloc.script(table, __doc__, (("-o", "--output"), {"metavar": "FILE", "help": "file to write"}),
                (("--tabs",), {"action": "store_true", "help": "tabs between cells instead of commas"}))
