# Handlers that make captured calls, in the middle of the program's and of the tracer's own work: every call is recorded, whole.
#
# Fails without the cure: with a per-thread 'busy' flag held across tracepoints the handlers' calls were not recorded; with one
# scratch memory a thread (THREAD_SCRATCH_COUNT 1) some calls have no elements.
need_built killer_signals libgpualloc-trace.so libgpualloc-softgpu.so

expect_status 0 gpualloc record --softgpu --lossless --json -o T -- killer_signals 600
read -r made handled <"$stdout"
[ "$handled" -gt 50 ] || fail "only $handled signals were handled: nothing was tried"
assert_eq True "$(json "['complete']" "$stderr")" "complete: $(cat "$stderr")"
gpualloc list --format jsonl --event d3dkmt:create_allocation T >calls 2>/dev/null
assert_eq "$made" "$(grep -c '"hPrivateRuntimeResourceHandle":1}' calls)" "creates of main"
assert_eq "$handled" "$(grep -c '"hPrivateRuntimeResourceHandle":2}' calls)" "creates of the handler"
python3 - calls <<'PYTHON' || fail "private data is not the caller's"
import json, struct, sys
numbers = {1: [], 2: []}
for line in open(sys.argv[1]):
    call = json.loads(line)
    data = bytes.fromhex(call["allocations"][0]["pPrivateDriverData"])
    surface = call["hPrivateRuntimeResourceHandle"]
    assert data.startswith({1: b"from main", 2: b"from a handler"}[surface]), data
    numbers[surface].append(struct.unpack_from("<Q", data, 16)[0])
for seen in numbers.values():
    assert sorted(seen) == list(range(len(seen)))
PYTHON
