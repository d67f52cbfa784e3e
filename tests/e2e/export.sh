# labels: analyzer
# export's forms agree with list and report: Perfetto's by the published field numbers and its rules, JSON an allocation, folded stacks
# and their drawing by their sums. Names cannot break out of any of them; a file is replaced whole or not at all.
need python3
need_built make-trace

sum_of() { awk '{ sum += $NF } END { printf "%d\n", sum }' "$1"; }
figure() { python3 -c "import json; print(json.load(open('report.json'))['summary']['memory']$1)"; }

agree() { # TRACE
    gpualloc list --format jsonl "$1" >list.jsonl 2>/dev/null
    gpualloc report --json "$1" >report.json
    for form in perfetto jsonl folded svg; do
        gpualloc export --format $form -o "$1.$form" "$1" 2>export.err || fail "$1 as $form: $(cat export.err)"
    done
    gpualloc export --format folded --bytes made "$1" >made.folded 2>export.err
    [ "$(grep -c 'size is unknown' export.err)" -le 1 ] || fail "$1: said in each pass: $(cat export.err)"
    python3 "$SOURCE/tests/e2e/perfetto-check.py" "$1.perfetto" list.jsonl report.json || fail "$1: Perfetto's form"
    if command -v protoc >/dev/null; then
        protoc --decode=perfetto.protos.Trace --proto_path="$SOURCE/analyzer/export" perfetto.proto <"$1.perfetto" >decoded ||
            fail "$1: protoc cannot decode it"
        ! grep -Eqm1 '^ *[0-9]+(:| \{)' decoded || fail "$1: fields that the schema does not have"
    fi
    assert_eq "$(figure "['peak_bytes'] or 0")" "$(sum_of "$1.folded")" "$1: bytes of the peak, folded"
    assert_eq "$(figure "['bytes_made'] or 0")" "$(sum_of made.folded)" "$1: bytes made, folded"
    python3 - "$1" <<'PY' || fail "$1: JSON an allocation, or the drawing"
import json, sys
import xml.etree.ElementTree as xml
trace, memory = sys.argv[1], json.load(open("report.json"))["summary"]["memory"]
lives = [json.loads(line) for line in open(trace + ".jsonl")]
made = [life for life in lives if not life["imported"]]
assert len(made) == memory["made"] and len(lives) - len(made) == memory["imported"], (len(made), memory)
assert sum(life["size"] or 0 for life in made) == (memory["bytes_made"] or 0)
assert sum(life["size"] is None for life in made) == memory["unknown_size"]
assert sum(life["lower_bound"] for life in made) == memory["lower_bounds"]
assert sorted(life["id"] for life in lives) == list(range(len(lives)))
for how, end in memory["ends"].items():
    assert sum(life["end"] == how for life in made) == end["count"], how
calls = {(call["process"], call["thread"], call["call"]): call for call in map(json.loads, open("list.jsonl"))}
for life in lives:
    create = calls[life["process"], life["create"]["thread"], life["create"]["call"]]
    assert create["event"] == life["create"]["event"] and create["ts"] + create["duration_ns"] == life["born"]
    if life["destroy"]:
        destroy = calls[life["destroy"]["process"], life["destroy"]["thread"], life["destroy"]["call"]]
        assert destroy["event"] == life["destroy"]["event"] and destroy["ts"] == life["destroy"]["ts"]
frames = [frame for frame in xml.parse(trace + ".svg").iter("{http://www.w3.org/2000/svg}g")]
widths = [sum(float(f.get("data-w")) for f in frames if f.get("class") == f"f l{level}") for level in range(5)]
assert all(width < 1180.01 for width in widths) and (not frames or abs(widths[0] - 1180) < 0.01), widths
assert all(widths[1] > 0.9 * 1180 for frame in frames), widths
PY
}

make-trace --interface=d3dkmt --calls=1500 --processes=2 --threads=3 --cpus=3 --leak=3 made_d3dkmt >/dev/null 2>&1
make-trace --interface=virtio_gpu --calls=1500 --threads=3 --cpus=2 --inversions=30 --leak=2 made_virtio >/dev/null 2>&1
agree made_d3dkmt
agree made_virtio
for scenario in d3dkmt-life learnt-sizes report-generations; do
    make-trace --scenario="$SOURCE/tests/golden/$scenario.scenario" "$scenario"
    agree "$scenario"
done
# Sizes learnt after birth are in each form from birth on (agree has compared the peak).
grep -q '"size_origin":"mapped","lower_bound":true' learnt-sizes.jsonl || fail "no lower bound: $(cat learnt-sizes.jsonl)"

if [ -e "$BUILD/lib/libgpualloc-trace.so" ] && [ -e "$BUILD/bin/d3dkmt_scene" ]; then
    gpualloc record --softgpu -o scene -- d3dkmt_scene >/dev/null 2>&1
    agree scene
fi

# Names that mean something to the forms.
cat >hostile.scenario <<'END'
trace clock=1700000000000000000
default process=0x11 pid=100 tid=100
1000000 gpualloc:process schema_version=1 start=999000 program="/bin/a;b</script><script>alert(1)//"
+9000 d3dkmt:create_device hAdapter=0x40000000 hDevice=0x40000040
+9000 gpualloc:annotate_name kind=1 handle=0xa name="]]></title><script>alert(2)</script>;x&amp;'"
+9000 d3dkmt:standard_allocation Type=2 ExistingHeapData_Size=8192
+20 d3dkmt:allocation hAllocation=0x40000080
+20 d3dkmt:create_allocation hDevice=0x40000040 Flags=StandardAllocation hPrivateRuntimeResourceHandle=0xa
END
make-trace --scenario=hostile.scenario hostile
agree hostile
[ "$(grep -c '<script>' hostile.svg)" = 1 ] && ! grep -q 'alert(2)</script>' hostile.svg || fail "a name is markup: $(cat hostile.svg)"
[ "$(tail -n 1 hostile.folded | tr -cd ';' | wc -c)" = 3 ] || fail "a name makes frames: $(cat hostile.folded)"

# Where it goes: standard output is the same; what was there is replaced; what cannot be written leaves nothing behind.
gpualloc export --format jsonl scene_or_not >out 2>err && fail "a trace that is not there was exported"
expect_status 0 gpualloc export --format jsonl made_virtio
cmp "$stdout" made_virtio.jsonl || fail "standard output differs from -o"
echo before >there
expect_status 1 gpualloc export --format folded -o there nowhere
assert_eq before "$(cat there)" "what was there before a failure"
expect_status 0 gpualloc export --format folded -o there made_virtio
cmp there made_virtio.folded || fail "the file was not replaced"
expect_status 1 gpualloc export --format folded -o no/such/folder/x made_virtio
expect_stderr 'no/such/folder/x'
expect_status 1 gpualloc export --format jsonl -o /dev/full made_virtio
expect_stderr 'No space left'
expect_status 2 gpualloc export made_virtio
expect_one_line_stderr
mkdir folder
expect_status 1 gpualloc export --format folded -o folder made_virtio
left=$(ls -d there.* folder.* made_virtio.jsonl.* 2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"

# Losses are said; of a damaged trace what can be read is written, with a failure.
make-trace --calls=1000 --lose-calls=7 lossy >/dev/null 2>&1
expect_status 0 gpualloc export --format jsonl lossy
expect_stderr '7 calls'
make-trace --calls=3000 --packet=16384 --cut=1000 cut >/dev/null 2>&1
expect_status 1 gpualloc export --format jsonl -o cut.jsonl cut
[ "$(wc -l <cut.jsonl)" -gt 100 ] || fail "of a damaged trace nothing was written"
