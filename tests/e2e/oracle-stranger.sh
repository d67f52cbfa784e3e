# A client without our headers: what d3dkmt_stranger logged by itself of at least one call of every kind, well and badly made, is what
# list says, byte for byte: through the thunks and by ioctl. Both forms of CreateAllocation's elements are among them.
need_built d3dkmt_stranger libgpualloc-trace.so libgpualloc-softgpu.so
need python3
oracle=$SOURCE/tests/e2e/oracle.py

for how in "" --ioctl; do
    expect_status 0 gpualloc record --softgpu -o "T$how" -- d3dkmt_stranger --log client.log $how
    expect_status 0 gpualloc list --format jsonl --blobs hex "T$how"
    cp "$stdout" T.jsonl
    python3 "$oracle" $how client.log T.jsonl || fail "the recording is not what the client did $how"
    # It does not notice the tracer.
    set_preloads
    expect_status 0 env LD_PRELOAD="$soft" d3dkmt_stranger --log alone.log $how
    python3 - client.log alone.log <<'PY' || fail "results are not as without the tracer $how"
import json, sys
results = [[(c["call"], c["ret"], c["errno"]) for c in map(json.loads, open(path))] for path in sys.argv[1:]]
different = [(a, b) for a, b in zip(*results) if a != b and b[1] != -1073741637]  # nobody implements it: no thunk at all without us
print(*different[:5], file=sys.stderr)
sys.exit(bool(different) or len(results[0]) != len(results[1]))
PY
done

# Every kind of call that the schema has is among them; each succeeds at least once, but those that WSL2's driver never answers, and
# sharing with the host, which softgpu has none of.
python3 - T.jsonl "$SOURCE/common/schema/d3dkmt.def" <<'PY' || fail "a kind of call was not made, or never succeeded"
import json, re, sys
calls = [json.loads(line) for line in open(sys.argv[1])]
kinds = set(re.findall(r"^CALL\((\w+),", open(sys.argv[2]).read(), re.M))
never = {"create_hw_context", "destroy_hw_context", "open_resource", "query_resource_info", "share_object_with_host"}
made, done = ({call["event"].removeprefix("d3dkmt:") for call in calls if ok(call)}
              for ok in (lambda call: True, lambda call: not call["status"] >> 31))
print("not made:", *sorted(kinds - made), "; succeeded or not against what is expected:",
      *sorted(kinds - never ^ done), file=sys.stderr)
sys.exit(kinds != made or kinds - never != done or not any(call["status"] >> 31 for call in calls))
PY
