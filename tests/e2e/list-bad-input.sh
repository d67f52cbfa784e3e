# What list and info say of things that are no trace, or not a whole one: one line on stderr, a documented exit status.
need_built make-trace

wrong() { # REGEX TRACE: of both verbs
    local verb
    for verb in list info; do
        expect_status 1 gpualloc $verb "$2"
        expect_one_line_stderr
        expect_stderr "^gpualloc $verb: .*$1"
    done
}

wrong 'nosuch: No such file or directory' nosuch
touch file; wrong 'file: not a directory' file
mkdir empty; wrong "empty: no trace: there is no file 'metadata' in it or below" empty
mkdir blank; : >blank/metadata; wrong 'blank: babeltrace2 cannot read it, its metadata may be damaged' blank
mkdir text; echo 'This is no metadata.' >text/metadata; wrong 'text: babeltrace2 cannot read it, its metadata may be damaged' text

make-trace --calls 200 --packet 8192 whole >made.log
expect_status 0 gpualloc list whole
expect_one_line_stderr
expect_stderr '^gpualloc list: 0 events and 0 packets discarded, 0 calls, 0 elements and 0 blobs missing$'
calls=$(wc -l <"$stdout")

# No calls in it: a session in which nothing of ours ran.
echo 'trace clock=0' >none.scenario
make-trace --scenario=none.scenario none
wrong 'none: no event of gpualloc in it' none

# A stream that is cut off: what is whole comes, the stream is named.
make-trace --calls 200 --packet 8192 --cut 5000 cut >made.log
wrong 'stream cut/ust/uid/0/64-bit/gpualloc_0 is cut off: its last packet has [0-9]+ of [0-9]+ bytes; [0-9]+ calls could be read' cut
expect_status 1 gpualloc list cut
[ "$(wc -l <"$stdout")" -gt $((calls / 2)) ] || fail "only $(wc -l <"$stdout") of $calls calls were listed"
diff <(head -n "$(wc -l <"$stdout")" <(gpualloc list whole 2>/dev/null)) "$stdout" || fail "other calls than those of the whole trace"
[ -z "$(ls -A "$TMPDIR")" ] || fail "something was left in TMPDIR: $(ls -A "$TMPDIR")"

# A packet that is none in the middle.
cp -r whole zeroed
dd if=/dev/zero of=zeroed/ust/uid/0/64-bit/gpualloc_0 bs=4096 count=1 seek=4 conv=notrunc status=none
wrong 'stream zeroed/ust/uid/0/64-bit/gpualloc_0 is (damaged: there is no packet at byte|broken after) [0-9]+' zeroed

# Output that nobody reads any more is no error; output that cannot be written is one.
set +o pipefail
gpualloc list --format jsonl whole 2>err | sed 1q >first
gpualloc list --format jsonl whole 2>>err | true
set -o pipefail
[ "$(wc -l <first)" = 1 ]
! grep -v 'blobs missing' err || fail "a closed pipe is talked about"
if [ -w /dev/full ]; then
    status=0; gpualloc list whole >/dev/full 2>err || status=$?
    assert_eq 1 "$status" "exit status on a full disk"
    grep -q 'cannot write to standard output: No space left on device' err || fail "no word of the full disk: $(cat err)"
fi

# No room for private data.
status=0; TMPDIR=/nonexistent gpualloc list whole >out 2>err || status=$?
assert_eq 1 "$status" "exit status without a temporary folder"
grep -q 'cannot make a temporary file for private data in /nonexistent' err || fail "no word of the temporary folder: $(cat err)"
