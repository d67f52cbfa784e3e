# labels: analyzer
# What report meets instead of a trace: one line on stderr that says what is wrong and where, exit status 1, and no page.
need_built make-trace

wrong() { # STATUS REGEX ARGUMENT…
    local status=$1 regex=$2; shift 2
    expect_status "$status" gpualloc report "$@"
    expect_one_line_stderr
    expect_stderr "^gpualloc report: .*$regex"
    [ ! -s "$stdout" ] || fail "something on stdout: $(cat "$stdout")"
}

wrong 2 'too few arguments'
wrong 2 'too many arguments' a b
wrong 2 'unknown option --nosuch' --nosuch T
wrong 2 '--by .*cannot be nosuch' --by nosuch T
wrong 2 '--top .*cannot be -1' --top -1 T

wrong 1 'no-such-trace: No such file or directory' no-such-trace
echo text >a-file
wrong 1 'a-file: not a directory' a-file
mkdir empty
wrong 1 'empty: no trace' empty
mkdir -p broken && echo 'this is no metadata' >broken/metadata
wrong 1 'broken' broken

# Another program's trace, or ours without any event.
make-trace --calls=0 --processes=1 nothing >/dev/null 2>&1 || true
if [ -e "$SOURCE/tests/golden/foreign.scenario" ]; then
    make-trace --scenario="$SOURCE/tests/golden/foreign.scenario" foreign >/dev/null 2>&1
    wrong 1 'no event of gpualloc' foreign
fi

# A stream that ends in the middle: what can be read may be on the page, which then says so; the exit status is 1 all the same.
make-trace --calls=500 --cut=100 truncated >/dev/null 2>&1
expect_status 1 gpualloc report truncated
expect_one_line_stderr
expect_stderr '^gpualloc report: .*truncated.*cut off'
[ ! -s "$stdout" ] || expect_stdout '^WARNING +the trace is damaged'

# A standard output that cannot be written.
make-trace --calls=50 good >/dev/null 2>&1
expect_status 1 bash -c 'gpualloc report good >/dev/full'
expect_stderr '^gpualloc report: standard output'
