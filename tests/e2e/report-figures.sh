# labels: analyzer
# Every figure of a report can be recomputed from list: report-recompute.py follows the rules of docs/report-json.md on its own.
# On recorded programs, and on made traces of each interface, with two threads' calls completing out of order, leaks and loss.
need python3
need_built make-trace

recompute() { # TRACE
    gpualloc list --format jsonl --events "$1" >list.jsonl 2>/dev/null
    gpualloc report --json "$1" >report.json
    python3 "$SOURCE/tests/e2e/report-recompute.py" list.jsonl report.json || fail "a figure of $1's report differs"
}
figure() { python3 -c "import json; print(json.load(open('report.json'))$1)"; }

made() { # NAME OPTIONS…: also against what make-trace says that it made
    local name=$1 said; shift
    said=$(make-trace "$@" "$name" 2>&1)
    recompute "$name"
    assert_match "made=$(figure "['summary']['memory']['made']") " "$said" "$name: allocations made"
}

made d3dkmt --interface=d3dkmt --calls=3000 --processes=2 --threads=3 --cpus=3 --leak=3
made d3dkmt_inverted --interface=d3dkmt --calls=3000 --threads=3 --cpus=2 --inversions=30 --leak=2
[ "$(figure "['summary']['memory']['ends']['lost']['count']")" = 0 ] || fail "an inversion was taken for a lost destroy"
[ "$(figure "['summary']['frees_of_unseen']")" = 0 ] || fail "an inversion was taken for a stranger"
made virtio_gpu --interface=virtio_gpu --calls=3000 --threads=3 --cpus=2 --inversions=30 --leak=2
made dumb --interface=dumb --calls=3000 --inversions=30
[ "$(figure "['summary']['memory']['ends']['lost']['count']")" = 0 ] || fail "an inversion was taken for a lost destroy"

# Sizes that are learnt after birth: counted from birth all the same, so that the peak of two allocations that lived together
# holds both although one was gone when the other's size was learnt.
make-trace --scenario="$SOURCE/tests/golden/learnt-sizes.scenario" learnt
recompute learnt
assert_eq $((65536 + 1048576)) "$(figure "['summary']['memory']['peak_bytes']")" "peak of what was learnt later"
assert_eq 2 "$(figure "['summary']['memory']['lower_bounds']")" "lower bounds"
assert_eq 1 "$(figure "['summary']['memory']['unknown_size']")" "unknown sizes"
assert_eq None "$(figure "['size'][3]['peak_bytes']")" "bytes of the unknown are not 0"

for scenario in annotations d3dkmt d3dkmt-life drm report-days report-empty report-generations report-processes holder addresses; do
    make-trace --scenario="$SOURCE/tests/golden/$scenario.scenario" "golden-$scenario"
    recompute "golden-$scenario"
done

# Loss is in the report, with its warning, and the figures are still those of list.
make-trace --calls=3000 --lose-calls=7 --discard=5 lossy >/dev/null 2>&1
recompute lossy
assert_eq 7 "$(figure "['summary']['loss']['missing_calls']")" "missing calls"
assert_eq 5 "$(figure "['summary']['loss']['discarded_events']")" "discarded events"
expect_status 0 gpualloc report lossy
expect_stdout 'WARNING +calls or data were lost'
expect_stdout '5 events.* discarded, 7 calls'

# A recorded program, if what records is built.
[ -e "$BUILD/lib/libgpualloc-trace.so" ] && [ -e "$BUILD/bin/d3dkmt_scene" ] || exit 0
gpualloc record --softgpu -o scene -- d3dkmt_scene >scene.log 2>/dev/null
recompute scene
# The extent of the scene's locked allocation, told once for two locks, is what its private data asked for.
python3 - <<'PY' || fail "lock extent: $(grep lock_extent list.jsonl)"
import json, sys
events = [json.loads(line) for line in open("list.jsonl")]
sizes = {}
for event in events:
    for element in event.get("allocations") or []:
        data = bytes.fromhex(element.get("pPrivateDriverData") or "")
        if data[:4] == b"SGPU" and "hAllocation" in element:
            sizes[element["hAllocation"]] = int.from_bytes(data[8:16], "little")
locks = [e["hAllocation"] for e in events if e["event"] == "d3dkmt:lock2" and e["ret"] == 0]
extents = [(e["hAllocation"], e["size"]) for e in events if e["event"] == "gpualloc:lock_extent"]
sys.exit(len(locks) < 2 or len(extents) != len(set(locks)) or any(sizes.get(handle) != size for handle, size in extents))
PY
# The device itself says how much was in use when all textures were alive, which is the scene's peak.
in_use=$(sed -n 's/.*local memory in use with all textures: \([0-9]*\) KiB/\1/p' scene.log)
assert_eq "$((in_use * 1024))" "$(figure "['summary']['memory']['peak_bytes']")" "peak bytes, by softgpu and by report"
assert_eq 1 "$(figure "['summary']['memory']['ends']['with_owner']['count']")" "what the scene forgets ends with its device"
assert_eq 0 "$(figure "['summary']['memory']['at_end']")" "nothing is left"

# What the page says, and that it fits a terminal: 120 columns, no escape sequences in a file.
gpualloc report scene >page
python3 -c "import sys; sys.exit(any(len(line.rstrip('\n')) > 120 or '\033' in line for line in open('page')))" ||
    fail "the page is too wide or coloured: $(cat page)"
for heading in Findings Trace Program Memory Freed Loss Next 'Live bytes' Leaks Churn Calls 'Size classes' Surfaces 'Never freed'; do
    grep -q "^$heading" page || fail "no '$heading' on the page: $(cat page)"
done
gpualloc report --by size --top 2 scene >page
grep -q '^Size classes' page && ! grep -q '^Surfaces' page || fail "--by size shows: $(cat page)"
