#!/usr/bin/env python3
"""timeline-check.py PAGE.html LIVES.jsonl LIST.jsonl REPORT.json [SHOWN]: reads a timeline page's columns by docs/timeline.md, and
holds them against what export, list and report say of the same trace. SHOWN: allocations that the page shows singly, if not all."""
import base64
import json
import re
import sys
import zlib


def check(holds, what):
    if not holds:
        sys.exit("timeline-check: " + what)


def columns(page):
    found = re.findall(r'<script type="application/octet-stream" id="(\w+)" data-count="(\d+)">([A-Za-z0-9+/=]*)</script>', page)
    return {name: (int(count), zlib.decompress(base64.b64decode(text), -15)) for name, count, text in found}


def numbers(column, signed=False, difference=False):
    count, data = column
    out, at, last = [], 0, 0
    for _ in range(count):
        value = shift = 0
        while True:
            byte = data[at]
            value |= (byte & 127) << shift
            at, shift = at + 1, shift + 7
            if byte < 128:
                break
        if signed or difference:
            value = -((value + 1) >> 1) if value & 1 else value >> 1
        last = (last + value) & (2**64 - 1) if difference else value
        out.append(last)
    check(at == len(data), "a column is longer than its count")
    return out


def main():
    page = open(sys.argv[1], encoding="utf-8").read()
    lives = {life["id"]: life for life in map(json.loads, open(sys.argv[2]))}
    listed = [call for call in map(json.loads, open(sys.argv[3])) if "call" in call]
    memory = json.load(open(sys.argv[4]))["summary"]["memory"]
    shown = int(sys.argv[5]) if len(sys.argv) > 5 else len(lives)
    # Nothing is fetched, and nothing but our script can run.
    check(re.search(r"content=\"default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src 'sha256-", page), "no policy")
    check(not re.search(r"(src|href)=|@import|url\(", page.split("<body>")[0]), "the page fetches something")
    check(len(re.findall(r"<script>", page)) == 1, "more than one script")
    raw = columns(page)
    about = json.loads(raw["text"][1])
    origin = int(about["origin"])
    begin, took = numbers(raw["call_begin"], difference=True), numbers(raw["call_duration"])
    thread, number, marks = numbers(raw["call_thread"]), numbers(raw["call_number"], signed=True), numbers(raw["call_marks"])
    kind, newest, calls = numbers(raw["call_kind"]), {}, []
    for i in range(len(begin)):
        if begin[i] >= 1 << 63:
            begin[i] -= 1 << 64
        newest[thread[i]] = newest.get(thread[i], 0) + number[i] + 1
        process, ordinal, tid = about["threads"][thread[i]]
        calls.append((about["processes"][process][1], ordinal, tid, newest[thread[i]], origin + begin[i], took[i], bool(marks[i] & 1)))
    wanted = [(call["process"], call["thread"], call["tid"], call["call"], call["ts"], max(0, call["duration_ns"])) for call in listed]
    if shown == len(lives):
        check([call[:6] for call in calls] == wanted, "calls are not list's")
    else:
        check(set(call[:6] for call in calls) <= set(wanted), "calls that list does not have")
    check(len(kind) == len(calls) and sum(call[6] for call in calls) == raw["call_code"][0], "results of calls")
    create, element = numbers(raw["create"], difference=True), numbers(raw["element"])
    end, flags, size = numbers(raw["end"], difference=True), numbers(raw["flags"]), numbers(raw["size"])
    handle, surface = numbers(raw["handle"], difference=True), numbers(raw["surface"], difference=True)
    origins, died = numbers(raw["origin"]), iter(numbers(raw["died"], signed=True))
    address, names = numbers(raw["surface_address"]), numbers(raw["surface_name"])
    check(len(create) == shown, f"{len(create)} allocations, {shown} were to be shown")
    by_create = {}
    for life in lives.values():
        by_create.setdefault((life["process"], life["create"]["thread"], life["create"]["call"]), []).append(life)
    for same in by_create.values():
        same.sort(key=lambda life: life["id"])
    changes = []
    for i in range(len(create)):
        made_by = calls[create[i]]
        same = by_create[made_by[0], made_by[1], made_by[3]]
        handles = [life.get("hAllocation", life.get("handle")) for life in same]
        place = element[i] if shown == len(lives) else handles.index(handle[i])
        life = same[place]
        what = f"allocation {life['id']}"
        check(handle[i] == handles[place], f"{what}: handle")
        check((size[i] if origins[i] else None) == life["size"], f"{what}: size")
        check(about["origins"][origins[i]] == life["size_origin"], f"{what}: where its size was learnt")
        check(bool(flags[i] & 32) == life["lower_bound"] and bool(flags[i] & 16) == life["imported"], f"{what}: flags")
        check(life.get("hPrivateRuntimeResourceHandle", 0) == address[surface[i]], f"{what}: surface")
        check((about["labels"][names[surface[i]] >> 1] or None) == life["name"], f"{what}: name")
        outlived = bool(flags[i] & 64)
        if not outlived:
            check(about["ends"][flags[i] & 7] == life["end"], f"{what}: end")
        if flags[i] & 8 and not outlived:
            ended_by = calls[end[i] - 1]
            check((ended_by[0], ended_by[1], ended_by[3]) == tuple(life["destroy"][key] for key in ("process", "thread", "call")),
                  f"{what}: what ended it")
        elif flags[i] & 7 and not flags[i] & 8:
            ended = origin + next(died)
            check(outlived or ended == life["died"], f"{what}: when it died")
        if not flags[i] & 16:
            changes.append((create[i], 0, element[i], size[i]))
            if flags[i] & 7:
                changes.append((end[i] - 1, 1, i, -size[i]))
    alive = peak = 0
    for change in sorted(changes):
        alive += change[3]
        peak = max(peak, alive)
    if shown == len(lives):
        check(peak == (memory["peak_bytes"] or 0), f"the peak is {peak}, report says {memory['peak_bytes']}")
    else:
        rest = max(numbers(raw["rest"], difference=True))
        check(rest and peak <= memory["peak_bytes"] <= peak + rest, f"peaks {peak} and {rest}, in all {memory['peak_bytes']}")
    print(f"{len(create)} allocations, {len(calls)} calls, peak {peak}, {len(page)} bytes")


main()
