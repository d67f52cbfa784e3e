# --lossless: with buffers far too small for the calls of a program that makes them flat out, none is lost; without it, what is lost
# is said, and the reported loss is what is missing.
need_built d3dkmt_churn libgpualloc-trace.so libgpualloc-softgpu.so
small="--subbuf-size 32K --subbufs 2"
calls=100000

expect_status 0 gpualloc record --softgpu --lossless $small --json -o whole -- d3dkmt_churn --calls $calls
assert_eq 0 "$(json "['discarded_events']" "$stderr")" "discarded with --lossless"
assert_eq 0 "$(json "['missing_calls']" "$stderr")" "missing with --lossless"
assert_eq True "$(json "['complete']" "$stderr")" "complete with --lossless"
[ "$(json "['calls']" "$stderr")" -ge $calls ] || fail "calls with --lossless: $(cat "$stderr")"

expect_status 0 gpualloc record --softgpu --lossless $small -o said -- d3dkmt_churn --calls 1000
expect_stderr 'lossless: the program ran .* with .* of CPU time'

expect_status 0 gpualloc record --softgpu $small --json -o lossy -- d3dkmt_churn --calls $calls
[ "$(json "['discarded_events']" "$stderr")" -gt 0 ] || fail "nothing was lost: the buffers are not too small: $(cat "$stderr")"
assert_eq False "$(json "['complete']" "$stderr")" "complete with loss"
expect_status 0 gpualloc record --softgpu $small -o lossy2 -- d3dkmt_churn --calls $calls
expect_stderr 'WARNING: the trace is incomplete; record again with --lossless'
