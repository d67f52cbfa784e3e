# --lossless: with buffers far too small for the calls of a program that makes them flat out, none is lost; without it, what is lost
# is said, and the reported loss is what is missing.
need_built d3dkmt_churn libgpualloc-trace.so libgpualloc-softgpu.so
small="--subbuf-size 32K --subbufs 2"
calls=30000

expect_status 0 gpualloc record --softgpu --lossless $small --json -o whole -- d3dkmt_churn --calls $calls
assert_eq 0 "$(json "['discarded_events']" "$stderr")" "discarded with --lossless"
assert_eq 0 "$(json "['missing_calls']" "$stderr")" "missing with --lossless"
assert_eq True "$(json "['complete']" "$stderr")" "complete with --lossless"
all=$(json "['calls']" "$stderr")
[ "$all" -ge $calls ] || fail "calls with --lossless: $(cat "$stderr")"

# Several threads: LTTng loses an event when one of them is held up inside it until the others have filled every buffer, so these
# must last longer than that; they are filled many times over nevertheless.
expect_status 0 gpualloc record --softgpu --lossless --subbuf-size 128K --subbufs 16 --json -o threads -- \
    d3dkmt_churn --calls $calls --threads 4 --private 512
assert_eq True "$(json "['complete']" "$stderr")" "complete with --lossless and four threads"

expect_status 0 gpualloc record --softgpu --lossless $small -o said -- d3dkmt_churn --calls 1000
expect_stderr 'lossless: the program ran .* with .* of CPU time'

# A quick consumer can keep up for a while: more and more calls, until something is lost.
lossy() { # OUTPUT WHAT-STDERR-SAYS-THEN [record options…]
    local output=$1 says=$2
    shift 2
    for made in $calls $((calls * 10)) $((calls * 100)); do
        rm -rf "$output"
        expect_status 0 gpualloc record --softgpu $small "$@" -o "$output" -- d3dkmt_churn --calls "$made"
        ! grep -qE "$says" "$stderr" || return 0
    done
    fail "nothing was lost: the buffers are not too small: $(cat "$stderr")"
}
lossy lossy '"discarded_events":[1-9]' --json
assert_eq False "$(json "['complete']" "$stderr")" "complete with loss"
# Call numbers have no gaps when nothing is lost, so what is there and what is missing is all; only a thread's last calls, when they
# are lost, leave no gap.
all=$((all - calls + made))
sum=$(($(json "['calls']" "$stderr") + $(json "['missing_calls']" "$stderr")))
[ $sum -le $all ] && [ $sum -gt $((all - 2000)) ] || fail "$sum calls are there or missing, of $all"
lossy lossy2 'WARNING: the trace is incomplete; record again with --lossless'
