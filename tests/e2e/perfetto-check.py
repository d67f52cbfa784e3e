#!/usr/bin/env python3
"""perfetto-check.py TRACE.perfetto LIST.jsonl REPORT.json: reads a Perfetto trace by the published field numbers alone, and holds it
against what list and report say of the same trace."""
import collections
import json
import pathlib
import struct
import sys

VARINT, FIXED64, TEXT = "varint", "fixed64", "text"
WIRE = {**dict.fromkeys(("uint32", "uint64", "int32", "int64", "bool"), VARINT), "fixed64": FIXED64, "string": TEXT}


def read_schema():
    """The published fields, {message: {number: (name, type on the wire, or the message that it is)}}, and enumerations' values."""
    fields, values = collections.defaultdict(dict), {}
    for line in (pathlib.Path(__file__).parents[1] / "data" / "perfetto.tsv").read_text().splitlines():
        words = line.split("\t")
        if words[0] in ("message", "enum"):
            of = words[1]
        elif not line.startswith("#") and len(words) == 5:
            fields[of][int(words[1])] = words[2], words[4]
        elif not line.startswith("#"):
            values[words[2]] = int(words[1])
    for members in fields.values():
        for number, (name, of) in members.items():
            members[number] = name, of if of in fields else WIRE.get(of, VARINT)
    return fields, values


SCHEMA, VALUES = read_schema()
SLICE_BEGIN, SLICE_END, COUNTER = (VALUES["TYPE_" + name] for name in ("SLICE_BEGIN", "SLICE_END", "COUNTER"))
REALTIME, UNIT_SIZE_BYTES = VALUES["BUILTIN_CLOCK_REALTIME"], VALUES["UNIT_SIZE_BYTES"]
CLEARED, NEEDS_STATE = VALUES["SEQ_INCREMENTAL_STATE_CLEARED"], VALUES["SEQ_NEEDS_INCREMENTAL_STATE"]


def check(holds, what):
    if not holds:
        sys.exit("perfetto-check: " + what)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(kind, data):
    """Fields by name, each a list."""
    fields, at = collections.defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        check(number in SCHEMA[kind], f"{kind} has no field {number}")
        name, of = SCHEMA[kind][number]
        expected = {VARINT: 0, FIXED64: 1}.get(of, 2)
        check(wire == expected, f"{kind}.{name} has wire type {wire}")
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            size, at = varint(data, at)
            check(at + size <= len(data), f"{kind}.{name} is longer than what holds it")
            value, at = data[at:at + size], at + size
            value = value.decode("utf-8") if of == TEXT else message(of, value)
        fields[name].append(value)
    return fields


class Reader:
    def __init__(self):
        self.tracks, self.names = {}, {"event_categories": {}, "event_names": {}, "debug_annotation_names": {}}
        self.slices, self.counters, self.flows, self.ended = [], collections.defaultdict(list), {}, set()

    def intern(self, data):
        for kind, entries in data.items():
            for entry in entries:
                iid, name = entry["iid"][0], entry["name"][0]
                check(iid and self.names[kind].setdefault(iid, name) == name, f"{kind} {iid} has two names")

    def track(self, packet):
        track = packet["track_descriptor"][0]
        uuid, parent = track["uuid"][0], track["parent_uuid"]
        check(uuid and uuid not in self.tracks, f"track {uuid} is told twice")
        check(not parent or parent[0] in self.tracks, f"the parent of track {uuid} is not told before")
        for counter in track["counter"]:
            check(counter["unit"] == [UNIT_SIZE_BYTES] and track["name"], f"counter {uuid} has no unit or name")
        for thread in track["thread"]:
            check(thread["tid"] and parent and self.tracks[parent[0]]["process"], f"thread {uuid} is in no process")
        self.tracks[uuid] = track

    def annotations(self, entries, named=True):
        result = {}
        for entry in entries:
            check(bool(entry["name_iid"]) == named, "an entry of an array has a name, or an argument none")
            name = self.names["debug_annotation_names"].get(entry["name_iid"][0]) if named else None
            check(not named or name, "the name of an argument is not told before")
            self.annotations(entry["dict_entries"])
            self.annotations(entry["array_values"], named=False)
            values = [value for key, value in entry.items() if key != "name_iid" and value]
            check(len(values) == 1, f"argument {name} has {len(values)} values")
            result[name] = values[0][0] if len(values[0]) == 1 else values[0]
        return result

    def event(self, packet, order):
        event, ts = packet["track_event"][0], packet["timestamp"][0]
        kind, uuid = event["type"][0], event["track_uuid"][0]
        check(uuid in self.tracks, f"an event is on track {uuid}, which is not told before")
        track = self.tracks[uuid]
        check(bool(track["counter"]) == (kind == COUNTER), "a slice on a counter's track, or a value on another's")
        if kind == COUNTER:
            value = event["counter_value"][0]
            check(value < 1 << 63, f"counter {track['name'][0]} is below 0")
            check(not self.counters[uuid] or self.counters[uuid][-1][0] <= ts, f"counter {track['name'][0]} goes back in time")
            self.counters[uuid].append((ts, value))
            return
        name = self.names["event_names"].get(event["name_iid"][0]) if kind == SLICE_BEGIN else None
        if kind == SLICE_BEGIN:
            check(name and event["category_iids"][0] in self.names["event_categories"], "a slice without a name or category")
        self.slices.append((ts, order, kind, uuid, name, self.annotations(event["debug_annotations"])))
        for flow in event["flow_ids"]:
            check(flow and flow not in self.flows, f"flow {flow} begins twice")
            self.flows[flow] = ts
        for flow in event["terminating_flow_ids"]:
            check(flow in self.flows and flow not in self.ended, f"flow {flow} ends twice, or before it began")
            self.ended.add(flow)

    def packet(self, packet, order):
        check(packet["trusted_packet_sequence_id"] == [1], f"packet {order} is of no sequence")
        check(packet["sequence_flags"] == [CLEARED if order == 0 else NEEDS_STATE], f"packet {order}: wrong sequence flags")
        if order == 0:
            check(packet["trace_packet_defaults"][0]["timestamp_clock_id"] == [REALTIME], "the first packet names no clock")
            check(packet["clock_snapshot"][0]["primary_trace_clock"] == [REALTIME], "times are of another clock")
        for data in packet["interned_data"]:
            self.intern(data)
        if packet["track_descriptor"]:
            self.track(packet)
        if packet["track_event"]:
            self.event(packet, order)


def check_slices(reader, calls):
    """After sorting by time every slice ends, innermost first; and they are list's calls."""
    open_slices, found = collections.defaultdict(list), collections.Counter()
    for ts, _, kind, uuid, name, annotations in sorted(reader.slices, key=lambda slice: slice[:2]):
        if kind == SLICE_BEGIN:
            open_slices[uuid].append((ts, name, annotations))
            continue
        check(open_slices[uuid], "a slice ends that did not begin")
        begin, name, annotations = open_slices[uuid].pop()
        thread = reader.tracks[uuid]["thread"][0]
        found[(thread["pid"][0], thread["tid"][0], annotations["call"], begin, ts - begin)] += 1
    check(not any(open_slices.values()), "a slice does not end")
    wanted = collections.Counter((call["pid"], call["tid"], call["call"], call["ts"], max(call["duration_ns"], 0)) for call in calls)
    check(found == wanted, f"slices are not list's calls: {list((found - wanted).items())[:2]} {list((wanted - found).items())[:2]}")


def main():
    reader = Reader()
    with open(sys.argv[1], "rb") as file:
        trace = message("Trace", file.read())
    for order, packet in enumerate(trace["packet"]):
        reader.packet(packet, order)
    with open(sys.argv[2]) as file:
        calls = [call for call in map(json.loads, file) if "call" in call]
    with open(sys.argv[3]) as file:
        memory = json.load(file)["summary"]["memory"]
    check_slices(reader, calls)
    # Each way of dividing the bytes adds up to the same; the peak of all is report's.
    named = {uuid: track["name"][0] for uuid, track in reader.tracks.items() if track["counter"]}
    changes = []
    for uuid, values in reader.counters.items():
        if named[uuid].startswith("live bytes: "):
            changes += [(ts, uuid, value) for ts, value in values]
    alive, total, peak = collections.Counter(), 0, 0
    for ts, uuid, value in changes if len(set(c[1] for c in changes)) == 1 else sorted(changes, key=lambda change: change[0]):
        total += value - alive[uuid]
        alive[uuid] = value
        peak = max(peak, total)
    check(peak == (memory["peak_bytes"] or 0), f"the peak is {peak}, report says {memory['peak_bytes']}")
    last = collections.Counter()
    for uuid, values in reader.counters.items():
        track = reader.tracks[uuid]
        kind = "device" if named[uuid].startswith("live bytes: ") else "process" if named[uuid] == "live bytes" else \
            reader.tracks[track["parent_uuid"][0]]["name"][0]
        last[kind] += values[-1][1]
    check(len(set(last.values())) <= 1, f"what is alive at the end is not the same by each division: {last}")
    check(len(reader.flows) == memory["made"] + memory["imported"], f"{len(reader.flows)} flows, report says {memory}")
    print(f"{len(trace['packet'])} packets, {len(reader.slices) // 2} slices, {len(reader.flows)} flows, "
          f"{len(reader.ended)} ended, {len(reader.counters)} counters, peak {peak}")


main()
