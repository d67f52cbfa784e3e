"""Traces of gpualloc for Python scripts.

    import gpualloc
    for allocation in gpualloc.allocations("TRACE"):
        print(allocation.size, allocation.lifetime_ns, allocation.name)

allocations() gives one object an allocation, at its death: the work is done in C by the babeltrace2 component
filter.gpualloc.allocations, so that Python sees one event where the trace has many. calls() gives every captured call, at the speed
of Python's bindings (about 100,000 events a second): right for small traces and for prototypes.

Needs /usr/bin/python3 with Debian's python3-bt2, and the plugin: where it is installed, or in BABELTRACE_PLUGIN_PATH.
"""

import argparse
import os
import pathlib
import sys
import typing


def _bt2():
    """The bindings, which look for plugins in the system's folder and in those that the environment names: we name the build tree's, or
    that of the prefix where we are installed."""
    above = pathlib.Path(__file__).resolve().parents
    folders = [above[2] / "build/lib/babeltrace2/plugins", *above[3].glob("lib*/babeltrace2/plugins"),
               *above[3].glob("lib/*/babeltrace2/plugins")]
    os.environ.setdefault("BABELTRACE_PLUGIN_PATH", ":".join(str(folder) for folder in folders if folder.is_dir()))
    try:
        import bt2
    except ImportError:
        raise Error("there is no module bt2: install python3-bt2 and run with /usr/bin/python3") from None
    return bt2


class Error(Exception):
    """One line that says what is wrong, and what to do."""


class Allocation(typing.NamedTuple):
    """One allocation. Sizes in bytes, times in ns; born_ns and died_ns since the epoch."""

    process: int  # 64 random bits an instance: pids are reused, these are not
    pid: int
    tid: int
    program: str
    interface: str  # "d3dkmt", or the DRM driver
    device: int
    request: str  # that made it
    handle: int
    owner: int
    resource: int
    surface: int  # hPrivateRuntimeResourceHandle
    name: str  # by annotation, or ""
    size: typing.Optional[int]  # None: unknown, which is not 0
    size_origin: str
    imported: bool  # its memory was made elsewhere: do not count its bytes twice
    create_call: int
    create_ns: int
    create_latency_ns: int
    lifetime_ns: int
    end: str  # "alive", "freed", "with_owner", "closed", "lost"
    end_call: int
    end_latency_ns: int

    @property
    def born_ns(self):
        return self.create_ns + self.create_latency_ns

    @property
    def died_ns(self):
        return self.born_ns + self.lifetime_ns

    @property
    def leaked(self):
        """No call freed it: alive at the end of the recording, or gone with its device or file."""
        return self.end in ("alive", "with_owner", "closed")

    @property
    def surface_name(self):
        """What a person calls it."""
        return self.name or (f"surface {self.surface:#x}" if self.surface else f"{self.interface} without a name")


def _messages(trace, filters=()):
    bt2 = _bt2()
    folders = sorted(folder for folder, _, files in os.walk(trace) if "metadata" in files)
    if not folders:
        raise Error(f"{trace}: no trace; it is the directory that 'gpualloc record' printed")
    try:
        specs = []
        for plugin, component in filters:
            found = bt2.find_plugin(plugin)
            if found is None:
                raise Error(f"babeltrace2 does not find the plugin {plugin}: set BABELTRACE_PLUGIN_PATH to its folder")
            specs.append(bt2.ComponentSpec(found.filter_component_classes[component]))
        # No AutoSourceComponentSpec: on a broken trace babeltrace2 2.0 aborts the program in it.
        source = bt2.find_plugin("ctf").source_component_classes["fs"]
        sources = [bt2.ComponentSpec(source, {"inputs": [folder]}) for folder in folders]
        for message in bt2.TraceCollectionMessageIterator(sources, specs):
            if type(message) is bt2._EventMessageConst:
                yield message
    except (bt2._Error, RuntimeError, ValueError) as error:
        cause = error[0].message if isinstance(error, bt2._Error) and len(error) else error
        raise Error(f"{trace}: {cause}") from None


_CONVERT = {bool: bool, int: int, str: str, typing.Optional[int]: int}


def allocations(trace):
    """Every allocation of a trace, in the order of their deaths; those alive at the end come last. Streams: memory does not grow."""
    fields = [(name, _CONVERT[kind]) for name, kind in Allocation.__annotations__.items()]
    for message in _messages(trace, [("gpualloc", "allocations")]):
        payload = message.event.payload_field
        if message.event.name == "gpualloc:loss":
            lost = ", ".join(f"{int(count)} {name.replace('_', ' ')}" for name, count in payload.items())
            print(f"warning: {trace} is not complete: {lost}", file=sys.stderr)
            continue
        allocation = Allocation(*(convert(payload[name]) for name, convert in fields))
        yield allocation._replace(size=None) if allocation.size_origin == "unknown" else allocation


class Call(typing.NamedTuple):
    event: str  # "d3dkmt:create_allocation2"
    begin_ns: int
    end_ns: int  # on the trace's clock
    fields: dict  # every member, by the interface's own name


def calls(trace):
    """Every captured call, in the order in which they completed."""
    for message in _messages(trace):
        fields = message.event.payload_field
        if fields is not None and "call" in fields and "begin" in fields:
            yield Call(message.event.name, int(fields["begin"]), int(fields["end"]), fields)


def bytes_text(size):
    """12.5 MiB"""
    if size is None:
        return "unknown"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            break
        size /= 1024
    else:
        unit = "TiB"
    return f"{size:.4g} {unit}"


def sum_text(sizes):
    """The sum of sizes of which some may be unknown: "≥12 MiB", or "unknown"."""
    sizes = list(sizes)
    known = [size for size in sizes if size is not None]
    return ("≥" if 0 < len(known) < len(sizes) else "") + bytes_text(sum(known) if known or not sizes else None)


def time_text(ns):
    """3.2 ms, 2.5 min; in the units that report has"""
    steps = (("ns", 999.5, 1e3), ("µs", 999.5, 1e3), ("ms", 999.5, 1e3), ("s", 120, 60), ("min", 120, 60), ("h", 48, 24))
    for unit, limit, following in steps:
        if abs(ns) < limit:
            return f"{ns:.3g} {unit}"
        ns /= following
    return f"{ns:.1f} d"


def table(rows, head):
    """Text in columns: the first to the left, the others to the right."""
    rows = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
        for row in rows
    )


def pyplot():
    """matplotlib for files, without a display."""
    try:
        import matplotlib
    except ImportError:
        raise Error("there is no module matplotlib: install python3-matplotlib and run with /usr/bin/python3") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot as plot

    return plot


def script(function, description, *arguments):
    """Runs function(options) as a program: each of arguments is what add_argument takes, (flags, options). Errors are one line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("trace", metavar="TRACE", help="directory that 'gpualloc record' printed")
    for flags, options in arguments:
        parser.add_argument(*flags, **options)
    try:
        function(parser.parse_args())
        sys.stdout.flush()
    except Error as error:
        sys.exit(f"{parser.prog}: {error}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone: nothing more to say
    except OSError as error:
        sys.exit(f"{parser.prog}: {error.filename or 'standard output'}: {error.strerror}")
