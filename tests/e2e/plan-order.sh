# Whatever order the plan's waits allow is one that the recording allows: a hundred orders made up at random of two threads that free
# crosswise, and a checker that knows nothing of plans. It finds waits that were left out, and so can fail.
need_built make-trace
need python3
tools=$SOURCE/tests/tools
for interface in d3dkmt dumb; do
    make-trace --interface $interface --calls 400 --threads 3 --cross 1 --inversions 20 --live 5 $interface >made
    gpualloc plan --calls $interface >calls
    [ "$(wc -l <calls)" -ge 400 ] || fail "a plan of $(wc -l <calls) calls: $(cat made)"
    python3 "$tools/any-order" --runs 100 calls >log
    expect_status 0 python3 "$tools/check-order" $interface log
    expect_stdout '^100 runs, .* 0 violations$'
    python3 "$tools/any-order" --runs 20 --drop 5 calls >log
    expect_status 1 python3 "$tools/check-order" $interface log
    echo "$interface: of 20 orders without five of the waits: $(tail -n 1 "$stdout")"

    # a part of it is as well ordered, with what it needs from before
    gpualloc plan --calls --range 200..300 $interface >calls
    [ "$(wc -l <calls)" -lt 200 ] || fail "a range of 101 calls has a plan of $(wc -l <calls)"
    grep -q '"timed":false' calls || fail "nothing is made before the range"
    python3 "$tools/any-order" --runs 20 calls >log
    expect_status 0 python3 "$tools/check-order" --part $interface log
    gpualloc plan --calls --order resource $interface >calls
    python3 "$tools/any-order" --runs 20 calls >log
    expect_status 0 python3 "$tools/check-order" --order resource $interface log
    expect_status 1 python3 "$tools/check-order" $interface log # memory is made before it was freed
done

# What is no log, or no trace, is said, and is no violation.
echo '{"run":1}' >log
expect_status 2 python3 "$tools/check-order" dumb log
expect_one_line_stderr
expect_status 2 python3 "$tools/check-order" nowhere log
