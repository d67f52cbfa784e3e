# labels: analyzer
# A timeline page holds what list, export and report say: each allocation and call in its columns, the peak, the ends; of a larger
# trace the largest allocations singly and the others' bytes. No text of a trace is in it but in its columns, and it fetches nothing.
need python3
need_built make-trace

page_of() { # TRACE [SHOWN OPTIONS…]
    local trace=$1 shown=${2:-}; shift; [ $# = 0 ] || shift
    gpualloc timeline "$@" -o page.html "$trace" 2>timeline.err || fail "$trace: $(cat timeline.err)"
    gpualloc export --format jsonl -o lives.jsonl "$trace" 2>/dev/null
    gpualloc list --format jsonl --blobs none "$trace" >list.jsonl 2>/dev/null
    gpualloc report --json "$trace" >report.json
    python3 "$SOURCE/tests/e2e/timeline-check.py" page.html lives.jsonl list.jsonl report.json $shown ||
        fail "$trace: the page is wrong"
}

make-trace --interface=d3dkmt --calls=1500 --processes=2 --threads=3 --cpus=3 --leak=3 d3dkmt_made >/dev/null 2>&1
page_of d3dkmt_made
make-trace --interface=virtio_gpu --calls=3000 --threads=3 --cpus=2 --inversions=30 --leak=2 virtio_made >/dev/null 2>&1
page_of virtio_made
for scenario in annotations d3dkmt-life learnt-sizes report-generations; do
    make-trace --scenario="$SOURCE/tests/golden/$scenario.scenario" "$scenario"
    page_of "$scenario"
done

# More than is to be shown singly: the largest, with their calls.
gpualloc timeline --limit 100 -o page.html virtio_made 2>/dev/null
shown=$(grep -o 'id="create" data-count="[0-9]*"' page.html | tr -cd 0-9)
[ "$shown" -ge 60 ] && [ "$shown" -le 115 ] || fail "$shown allocations are shown singly, not about 100"
page_of virtio_made "$shown" --limit 100
[ "$(grep -o 'id="call_begin" data-count="[0-9]*"' page.html | tr -cd 0-9)" -lt 400 ] || fail "too many calls for so few allocations"

# Names are in the columns alone.
cat >hostile.scenario <<'END'
trace clock=1700000000000000000
default process=0x11 pid=100 tid=100
1000000 gpualloc:process schema_version=1 start=999000 program="/bin/nasty</script>"
+9000 d3dkmt:create_device hAdapter=0x40000000 hDevice=0x40000040
+9000 gpualloc:annotate_name kind=1 handle=0xa name="nasty</script><script>1</script>"
+9000 d3dkmt:standard_allocation Type=2 ExistingHeapData_Size=8192
+20 d3dkmt:allocation hAllocation=0x40000080
+20 d3dkmt:create_allocation hDevice=0x40000040 Flags=StandardAllocation hPrivateRuntimeResourceHandle=0xa
END
make-trace --scenario=hostile.scenario hostile
page_of hostile
! grep -q nasty page.html || fail "a name is in the page as text"

# A recorded program, and two processes that share memory, if what records is built.
if [ -e "$BUILD/lib/libgpualloc-trace.so" ] && [ -e "$BUILD/bin/d3dkmt_scene" ]; then
    gpualloc record --softgpu -o scene -- d3dkmt_scene >/dev/null 2>&1
    page_of scene
fi

# Where it goes.
expect_status 0 gpualloc timeline virtio_made
gpualloc timeline -o same.html virtio_made 2>/dev/null
cmp "$stdout" same.html || fail "standard output differs from -o"
expect_status 1 gpualloc timeline -o no/such/folder/x.html virtio_made
expect_stderr 'no/such/folder/x.html'
expect_status 1 gpualloc timeline -o /dev/full virtio_made
expect_stderr 'No space left'
echo before >there.html
expect_status 1 gpualloc timeline -o there.html nowhere
assert_eq before "$(cat there.html)" "what was there before a failure"
left=$(ls -d there.html.* 2>/dev/null || true)
[ -z "$left" ] || fail "left behind: $left"

# Losses are said; of a damaged trace what can be read is shown, with a failure.
make-trace --calls=1000 --lose-calls=7 lossy >/dev/null 2>&1
expect_status 0 gpualloc timeline -o lossy.html lossy
expect_stderr '7 calls'
make-trace --calls=3000 --packet=16384 --cut=1000 cut >/dev/null 2>&1
expect_status 1 gpualloc timeline -o cut.html cut
expect_stderr 'cut'
grep -q 'id="create" data-count="[1-9]' cut.html || fail "of a damaged trace nothing is shown"
