# record and run end with the program's own status; their own failures are 125, 126 and 127, as timeout(1) gives them.
need_built libgpualloc-trace.so

for verb in "record -o T" run; do
    try() { rm -rf T; local expected=$1; shift; expect_status "$expected" gpualloc $verb -- "$@"; }
    try 0 true
    try 1 false
    try 42 sh -c 'echo to stdout; exit 42'
    assert_eq "to stdout" "$(cat "$stdout")" "the program's stdout"
    try 137 sh -c 'kill -KILL $$'
    try 143 sh -c 'kill -TERM $$'
    try 127 nosuchprogram
    expect_stderr 'cannot run nosuchprogram: No such file or directory'
    expect_one_line_stderr
    [ ! -e T ] || fail "127 left T behind"
    try 126 /
    expect_stderr 'cannot run /: Permission denied'
    expect_one_line_stderr
    [ ! -e T ] || fail "126 left T behind"
    try 125 # no program
    expect_stderr 'too few arguments'
    expect_one_line_stderr
    # The program's standard streams are its own.
    assert_eq 5 "$(rm -rf T; echo 2+3 | gpualloc $verb -- bash -c 'read sum; echo $((sum))' 2>/dev/null)" "stdin and stdout"
done

# A program that is killed half-way has all that it did until then in its trace.
need_built d3dkmt_scene libgpualloc-softgpu.so
expect_status 137 gpualloc record --softgpu --json -o K -- sh -c 'd3dkmt_scene >/dev/null; kill -KILL $$'
expect_status 0 gpualloc record --softgpu --json -o L -- d3dkmt_scene
cp "$stderr" whole
[ "$(json "['calls']" whole)" -gt 0 ] || fail "no calls"
