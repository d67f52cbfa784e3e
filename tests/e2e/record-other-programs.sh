# An LTTng session gets the events of every program of the user. Two recordings at once have the calls of their own programs all the
# same, children included; one inside another is in both.
need_built d3dkmt_churn libgpualloc-trace.so libgpualloc-softgpu.so

# A device is opened, a device made, and destroyed at the end, by each program.
calls_of() { json "['calls']" "$1.err"; }
expect_status 0 gpualloc record --softgpu --json -o alone -- d3dkmt_churn --calls 10
extra=$(($(json "['calls']" "$stderr") - 10))

twice() { echo "d3dkmt_churn --calls $1; sleep $2; d3dkmt_churn --calls $1"; }
gpualloc record --softgpu --json -o a -- sh -c "$(twice 100 1)" >a.out 2>a.err & first=$!
gpualloc record --softgpu --json -o b -- sh -c "$(twice 1000 1.5)" >b.out 2>b.err
wait $first
assert_eq $((2 * (100 + extra))) "$(calls_of a)" "calls of the first recording"
assert_eq $((2 * (1000 + extra))) "$(calls_of b)" "calls of the second recording"

# A program that somebody else traces in the meantime is not the recording's.
gpualloc record --softgpu --json -o c -- sh -c "$(twice 100 1)" >c.out 2>c.err & first=$!
sleep 0.7
gpualloc run --softgpu -- d3dkmt_churn --calls 500 >/dev/null
wait $first
assert_eq $((2 * (100 + extra))) "$(calls_of c)" "calls beside a program under run"

gpualloc record --softgpu --json -o outer -- sh -c 'gpualloc record --softgpu --json -o inner -- d3dkmt_churn --calls 50 2>inner.err
    d3dkmt_churn --calls 10' >/dev/null 2>outer.err
assert_eq $((50 + extra)) "$(calls_of inner)" "calls of the inner recording"
assert_eq $((50 + 10 + 2 * extra)) "$(calls_of outer)" "calls of the outer recording"
