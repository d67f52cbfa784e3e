# labels: analyzer
# What is planted in a program is named in the first ten lines of its report, with surface, thread and bytes, each with a next step;
# of the clean program nothing is. Each planted alone is found alone. Every figure is that of the list.
need python3
need_built d3dkmt_planted libgpualloc-trace.so libgpualloc-softgpu.so

recorded() { # NAME OPTIONS…
    local name=$1; shift
    expect_status 0 gpualloc record --softgpu -o "$name" -- d3dkmt_planted "$@"
    gpualloc report "$name" >"$name.page"
    gpualloc report --json "$name" >"$name.json"
}
# Kinds of findings, but for slow calls that are really in the list: a machine under load makes some by itself.
kinds() { # NAME PLANTED-SLOW
    gpualloc list --format jsonl "$1" 2>/dev/null >list.jsonl
    python3 - "$1.json" "${2:-}" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
slow = {(call["tid"], call["call"]) for call in map(json.loads, open("list.jsonl")) if call["duration_ns"] >= 50_000_000}
found = [f["kind"] for f in report["findings"] if sys.argv[2] or f["kind"] != "slow call" or (f["tid"], f["call"]) not in slow]
print(*sorted(set(found)), sep=",")
PY
}

recorded all --all
assert_eq "churn,fragmentation,leak,slow call" "$(kinds all planted)" "findings of everything planted"
head -10 all.page >top
grep -Eq '^  leak: 20 of 384 KiB \(7.50 MiB in all\).*surface 0x1ea00 …, thread [0-9]+; .*--by leaks' top ||
    fail "leak: $(cat top)"
grep -Eq '^  churn: [0-9]+ × 128 KiB .*surface 0xc4a00, thread [0-9]+; .*--by churn' top || fail "churn: $(cat top)"
grep -Eq '^  fragmentation: 7.75 MiB .* 31 holes, largest 256 KiB.*surface 0xb16[0-9a-f]+, thread [0-9]+; .*--by va' top ||
    fail "fragmentation: $(cat top)"
grep -Eq '^  slow call: D3DKMTCreateAllocation2 of 256 KiB took [0-9.]+ m?s,.*surface 0xa[0-9a-f]+, thread [0-9]+.*--by latency' top ||
    fail "slow call: $(cat top)"
# The figures are those of the program: who did it is who it was.
python3 - <<'PY' || fail "findings: $(cat all.json)"
import json
calls = [json.loads(line) for line in open("list.jsonl")]
found = {f["kind"]: f for f in json.load(open("all.json"))["findings"]}
leaked = [c for c in calls if c["event"] == "d3dkmt:create_allocation" and 0x1ea00 <= c["hPrivateRuntimeResourceHandle"] < 0x1f000]
assert found["leak"]["count"] == len(leaked) == 20 and found["leak"]["bytes"] == 20 * 384 * 1024
assert {c["tid"] for c in leaked} == {found["leak"]["tid"]}
scratch = {c["tid"] for c in calls if c["event"] == "d3dkmt:create_allocation" and c["hPrivateRuntimeResourceHandle"] == 0xc4a00}
assert scratch == {found["churn"]["tid"]} and found["churn"]["surface"] == 0xc4a00
assert 100 < found["churn"]["count"] < 240 and found["churn"]["bytes"] == found["churn"]["count"] * 128 * 1024
slowest = max((c for c in calls if c["event"] == "d3dkmt:create_allocation"), key=lambda c: c["duration_ns"])
assert slowest["duration_ns"] >= 333_000_000
slow = [f for f in json.load(open("all.json"))["findings"] if f["kind"] == "slow call"]
assert (slowest["tid"], slowest["call"], 256 * 1024) in [(f["tid"], f["call"], f["bytes"]) for f in slow]
PY

recorded clean
assert_eq "" "$(kinds clean)" "findings of the clean program"
[ -n "$(python3 -c "import json; print(*json.load(open('clean.json'))['findings'])")" ] ||
    grep -q '^Findings: none' < <(head -1 clean.page) || fail "the clean page begins: $(head -3 clean.page)"

for plant in leak churn fragment; do
    recorded "$plant" --$plant
    assert_eq "${plant/fragment/fragmentation}" "$(kinds "$plant")" "findings of $plant alone"
done

for name in all clean; do
    gpualloc list --format jsonl --events "$name" >list.jsonl 2>/dev/null
    python3 "$SOURCE/tests/e2e/report-recompute.py" list.jsonl "$name.json" || fail "a figure of $name's report differs"
done

# A part of the time: what was made before it is at its start, and is not counted as made.
expect_status 2 gpualloc report --from 3 all
expect_stderr 'its unit'
expect_status 2 gpualloc report --from 2s --to 1s all
middle=$(python3 -c "
import json
report = json.load(open('leak.json'))
print(next((e['first_ts'] + e['last_ts']) // 2 - report['summary']['first_ts'] for e in report['leaks'] if e['leak']))")
expect_status 0 gpualloc report --from "${middle}ns" --to 1h --json leak
python3 - "$stdout" "$middle" <<'PY' || fail "range: $(cat "$stdout")"
import json, sys
part, whole = json.load(open(sys.argv[1]))["summary"], json.load(open("leak.json"))["summary"]
memory = part["memory"]
assert memory["at_start"] and memory["made"] + memory["at_start"] <= whole["memory"]["made"], (memory, whole["memory"])
assert part["calls"] < whole["calls"] and part["range_from_ts"] == whole["first_ts"] + int(sys.argv[2])
assert sum(end["count"] for end in memory["ends"].values()) == memory["made"] + memory["at_start"]
PY
