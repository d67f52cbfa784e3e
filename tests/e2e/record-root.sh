# record, as whoever runs the tests (root, where it is tested every time): the figures are the trace's own, the program's output is
# its own, and nothing of the session stays.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2

expect_status 0 gpualloc run --softgpu -- d3dkmt_scene
cp "$stdout" alone

expect_status 0 gpualloc record --softgpu -o T -- d3dkmt_scene
cmp alone "$stdout" || fail "the program's output differs when it is recorded"
expect_stderr 'trace in T: [1-9][0-9,]* calls, [1-9][0-9,]* events, [1-9][0-9,]* allocations created'
expect_stderr '0 events and 0 packets discarded'
expect_stderr 'session daemon: pid [1-9][0-9]*, running already'
expect_stderr 'next: gpualloc report T$'
! grep -q WARNING "$stderr" || fail "a warning: $(cat "$stderr")"

# The next command to type is one that works.
$(sed -n 's/.*next: //p' "$stderr") >report || fail "the next command does not work"

expect_status 0 gpualloc record --softgpu --json -o J -- d3dkmt_scene
babeltrace2 J >events
assert_eq "$(wc -l <events)" "$(json "['events']" "$stderr")" "events"
assert_eq "$(grep -cE 'd3dkmt:[a-z0-9_]+: .*layer = ' events)" "$(json "['calls']" "$stderr")" "calls"
assert_eq 0 "$(json "['discarded_events']" "$stderr")" "discarded events"
assert_eq True "$(json "['complete']" "$stderr")" "complete"
assert_eq "$PWD/J" "$(json "['trace']" "$stderr")" "place of the trace"

# Without -o the directory is named after the program; odd characters do no harm, and are quoted for the shell.
mkdir default; cd default
expect_status 0 gpualloc record --softgpu -- d3dkmt_scene
[ -d gpualloc-d3dkmt_scene-20* ] || fail "no default directory: $(ls)"
cd ..
expect_status 0 gpualloc record --softgpu -o "a b:c'd" -- d3dkmt_scene
expect_stderr "next: gpualloc report 'a b:c'\\\\''d'$"
babeltrace2 "a b:c'd" >events
grep -q d3dkmt:create_allocation events || fail "no calls in a directory with an odd name"

grep -q gpualloc- < <(lttng list 2>&1) && fail "a session stayed"
true
