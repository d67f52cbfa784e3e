# A program killed in the middle leaves what it did until then in the trace, and the recording ends at once.
#
# Fails without the cure: with a session of buffers per process, instead of record's per user, 691 of the 1000 allocations were in
# the trace.
need_built killer_sigkill libgpualloc-trace.so libgpualloc-softgpu.so

start=$SECONDS
expect_status 137 gpualloc record --softgpu --json -o T -- killer_sigkill 500
[ $((SECONDS - start)) -lt 60 ] || fail "took $((SECONDS - start)) s"
assert_eq 1000 "$(json "['allocations_created']" "$stderr")" "allocations: $(cat "$stderr")"
gpualloc list --format jsonl --event d3dkmt:create_allocation T >calls 2>loss
assert_match '0 events and 0 packets discarded, 0 calls' "$(cat loss)" "loss"
assert_eq 1000 "$(wc -l <calls)" "creates"
