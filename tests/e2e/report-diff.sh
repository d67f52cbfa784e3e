# labels: analyzer
# diff: its figures are the difference of the two reports; a trace does not differ from itself; what appeared and vanished is said so;
# the exit status tells whether the traces could be read, not whether they differ.
need python3
need_built make-trace

make-trace --interface=virtio_gpu --calls=3000 --threads=2 --seed=1 before >/dev/null
make-trace --interface=virtio_gpu --calls=4000 --threads=3 --leak=5 --seed=2 now >/dev/null
for trace in before now; do gpualloc report --json $trace >$trace.json; done

expect_status 0 gpualloc diff before now
grep -q '^Before before, now now' < <(head -1 "$stdout") || fail "the page begins: $(head -3 "$stdout")"
expect_stdout 'process 1 thread 2 +appeared'
expect_status 0 gpualloc diff --json before now
python3 - "$stdout" <<'PY' || fail "other figures than the reports have: $(cat "$stdout")"
import json, sys
diff, reports = json.load(open(sys.argv[1])), {side: json.load(open(side + ".json")) for side in ("before", "now")}
assert diff["schema_version"] == 1 and diff["before"] == "before" and diff["now"] == "now"
for side, report in reports.items():
    memory, total = report["summary"]["memory"], diff["totals"][side]
    for name in ("peak_bytes", "made", "bytes_made", "at_end", "at_end_bytes", "unknown_size"):
        assert total[name] == memory[name], name
    assert total["calls"] == report["summary"]["calls"] and total["findings"] == len(report["findings"])
    sizes = sorted((g["made"], g["bytes_made"], g["peak_bytes"], g["at_end_bytes"]) for g in report["size"])
    assert sizes == sorted(tuple(e[side].values()) for e in diff["size"] if e[side]), "size"
    calls = {k["request"]: [k["calls"], k["failed"], k["duration_ns"]["sum"], k["duration_ns"]["p99"]] for k in report["calls"]}
    assert calls == {e["name"]: list(e[side].values()) for e in diff["calls"] if e[side]}, "calls"
    assert len(report["thread"]) == sum(e[side] is not None for e in diff["thread"])
assert [e["name"] for e in diff["thread"] if not e["before"]] == ["process 1 thread 2"]
changes = [abs((e["now"] or {}).get("peak_bytes", 0) - (e["before"] or {}).get("peak_bytes", 0)) for e in diff["size"]]
assert changes == sorted(changes, reverse=True)
PY

expect_status 0 gpualloc diff --json now now
python3 - "$stdout" <<'PY' || fail "a trace differs from itself: $(cat "$stdout")"
import json, sys
diff = json.load(open(sys.argv[1]))
assert diff["totals"]["before"] == diff["totals"]["now"]
assert not any(entry["differs"] for name in ("surface", "size", "calls", "thread") for entry in diff[name])
PY
expect_status 0 gpualloc diff now now
expect_stdout 'By thread: 0 of 3 differ'

# Surfaces: by name where they have one; of unknown sizes no bytes are told.
make-trace --scenario="$SOURCE/tests/golden/annotations.scenario" named
make-trace --scenario="$SOURCE/tests/golden/report-generations.scenario" other
expect_status 0 gpualloc diff --json named other
python3 - "$stdout" <<'PY' || fail "surfaces: $(cat "$stdout")"
import json, sys
entries = {e["name"]: e for e in json.load(open(sys.argv[1]))["surface"]}
assert any(e["now"] is None for e in entries.values()) and "surfaces of other addresses" in entries, entries.keys()
PY

expect_status 1 gpualloc diff before nothing-there
expect_one_line_stderr
expect_status 2 gpualloc diff before
make-trace --calls=3000 --lose-calls=7 lossy >/dev/null 2>&1
expect_status 0 gpualloc diff before lossy
expect_stdout 'WARNING +lossy has lost calls'
