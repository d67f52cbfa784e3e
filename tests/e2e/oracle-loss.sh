# Loss is what is missing: of a program that makes calls flat out with buffers far too small, the reported loss equals the gaps in
# the call numbers that are there, counted here from the listing; what is there and what is missing is what the program made.
# With --lossless nothing is lost.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need python3

count() { # of a listing: calls there, calls missing between them, threads
    python3 - "$1" <<'EOF'
import json, sys
numbers = {}
for line in open(sys.argv[1]):
    call = json.loads(line)
    numbers.setdefault((call["process"], call["thread"]), set()).add(call["call"])
there = sum(map(len, numbers.values()))
missing = sum(max(seen) - len(seen) for seen in numbers.values())
print(there, missing, len(numbers))
EOF
}

small="--subbuf-size 32K --subbufs 2"

expect_status 0 gpualloc record --softgpu --lossless $small --json -o whole -- d3dkmt_scene --flat-out 10000
assert_eq 0 "$(json "['missing_calls']" "$stderr")" "missing with --lossless"
assert_eq 0 "$(json "['discarded_events']" "$stderr")" "discarded with --lossless"
expect_status 0 gpualloc list --format jsonl --blobs none whole
read -r there missing _ <<<"$(count "$stdout")"
assert_eq 0 "$missing" "gaps with --lossless"
besides=$((there - 10000)) # adapters, device: the calls besides the load
[ "$besides" -gt 5 ] && [ "$besides" -lt 100 ] || fail "$there calls with --lossless"

for threads in 1 2; do
    # A quick consumer can keep up for a while: more and more calls, until something is lost.
    for calls in 40000 400000 4000000; do
        rm -rf lossy$threads
        expect_status 0 gpualloc record --softgpu $small --json -o lossy$threads -- d3dkmt_scene --flat-out $calls --threads $threads
        cp "$stderr" summary
        [ "$(json "['missing_calls']" summary)" = 0 ] || break
    done
    expect_status 0 gpualloc list --format jsonl --blobs none lossy$threads
    read -r there missing _ <<<"$(count "$stdout")"
    assert_eq "$there" "$(json "['calls']" summary)" "calls"
    assert_eq "$missing" "$(json "['missing_calls']" summary)" "reported loss, against the gaps"
    [ "$missing" -gt 0 ] || fail "nothing was lost: the buffers are not too small: $(cat summary)"
    expect_stderr "$(printf "%'d" "$missing" | sed 's/,/,?/g') calls"
    # A thread's last calls leave no gap when they are lost, so it may be fewer, never more.
    [ $((there + missing)) -le $((calls + besides)) ] || fail "$there and $missing are more calls than were made"
    [ $((there + missing)) -gt $((calls / 2)) ] || fail "$there and $missing are far fewer calls than were made"
done
