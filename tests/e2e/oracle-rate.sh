# labels: slow
# 100,000 calls a second for 10 s are recorded without a loss. A machine that does not make so many untraced is asked for half of
# what it does make; one that is busy with other things, or has a slow disk, for half again until it keeps up. The rate that was
# reached is printed.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so

rate_of() { sed -n 's/.* s: \([0-9]*\) calls\/s/\1/p' "$1"; }
set_preloads
expect_status 0 env LD_PRELOAD="$soft" d3dkmt_scene --flat-out 200000
bare=$(rate_of "$stdout")
rate=100000
[ "$bare" -ge 200000 ] || rate=$((bare / 2))
for attempt in 1 2 3 4 5; do
    rm -rf T
    expect_status 0 gpualloc record --softgpu --json -o T -- d3dkmt_scene --rate $rate --seconds 10
    reached=$(rate_of "$stdout")
    cp "$stderr" summary
    [ "$(json "['complete']" summary)" = False ] && [ $attempt -lt 5 ] || break
    echo "NOT SHOWN at $rate calls/s: the machine did not keep up: $(cat summary)"
    rate=$((rate / 2))
done
echo "untraced and flat out: $bare calls/s; asked for $rate calls/s for 10 s; reached $reached calls/s"
assert_eq 0 "$(json "['discarded_events']" summary)" "discarded events"
assert_eq 0 "$(json "['missing_calls']" summary)" "missing calls"
assert_eq True "$(json "['complete']" summary)" "complete"
[ "$(json "['calls']" summary)" -ge $((rate * 10)) ] || fail "fewer calls than were made: $(cat summary)"
[ "$reached" -ge $((rate * 95 / 100)) ] || echo "NOT SHOWN at that rate: the machine was too busy for the program to make so many"
