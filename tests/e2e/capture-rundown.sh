# A session that begins while the program runs is told who the process is and which files are open, bracketed, and gets private data
# again that an earlier session had.
need_built waits libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2 lttng
set_preloads

begin_session() {
    lttng create "$1" --output="$PWD/$1" >>lttng.log
    lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
    lttng start >>lttng.log
}

: >out
env LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0 waits "$PWD/go" >out &
program=$!
wait_until 10 grep -q ready out
begin_session one
touch go
wait_until 10 grep -q again out
begin_session two
touch go.2
wait_until 10 eval "! alive $program"
wait $program
lttng destroy --all >>lttng.log

for session in one two; do
    babeltrace2 $session >events
    grep -oE 'gpualloc:(rundown_begin|process|file|rundown_end)' events | sed -n 1,4p >order
    assert_eq "gpualloc:rundown_begin gpualloc:process gpualloc:file gpualloc:rundown_end" "$(paste -sd ' ' order)" "$session: rundown"
    gpualloc list --format jsonl --event d3dkmt:create_allocation $session >calls 2>loss
    assert_match '0 elements and 0 blobs missing' "$(cat loss)" "$session: loss"
done
assert_eq 2 "$(gpualloc list --format jsonl --event d3dkmt:create_allocation one 2>/dev/null | wc -l)" "creates in the first session"
assert_eq 1 "$(wc -l <calls)" "creates in the second session"
