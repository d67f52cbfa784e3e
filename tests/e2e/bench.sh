# bench: runs in turns, setups before each, results kept or gone, bad input in one line, and Ctrl-C that leaves nothing running.
need python3
make-trace --calls=2000 T >/dev/null

# In the order A B B A …; each run is a process and a result of its own.
expect_status 0 gpualloc bench T --device null --device null -n 4 --threshold 100000 -o kept \
    --setup-a 'echo A >>order' --setup-b 'echo B >>order; echo not a result' --html page.html --json verdict.json
assert_eq "A B B A A B B A" "$(echo $(cat order))" "order of the runs"
assert_eq "4 4" "$(ls kept/a | wc -l) $(ls kept/b | wc -l)" "results kept"
expect_stdout '^geomean .* n=4\+4\)$'
expect_stdout '^base is of backend null: it issues nothing'
expect_stdout 'replay_note: echo A >>order \| echo B >>order'
grep -q '^not a result' "$stdout" && fail "a setup's output is among the results"
grep -q '<circle' page.html || fail "no page"
python3 -c 'import json; v = json.load(open("verdict.json")); assert v["base"]["runs"] == 4 and len(v["base"]["files"]) == 4, v["base"]'
expect_status 0 gpualloc compare --threshold 100000 kept/a kept/b
grep -q '' "$stderr" && fail "stderr is not empty: $(cat "$stderr")"

# Options after -- are replay's; ten runs a side are the default, and without -o nothing stays.
expect_status 0 gpualloc bench T --device null --threshold 100000 -- --order resource
expect_stdout 'n=10\+10'
expect_status 0 gpualloc bench T --device softgpu --device null -n 1
expect_stdout 'no verdict: .* 1 and 1 runs are too few'
[ -z "$(ls "$TMPDIR")" ] || fail "temporary files stayed: $(ls "$TMPDIR")"

# A device without memory for a create does the others, which are compared, and that is said; one that fails otherwise ends it.
export GPUALLOC_SOFTGPU_FAULTS=CreateAllocation2:2:0xC0000017
expect_status 0 gpualloc bench T --device softgpu -n 2 --warmup 0 --threshold 100000
expect_stdout '^base: the device had no memory for 2 creates: the figures are of the others$'
expect_stdout '^geomean .*[(]n=2[+]2[)]$'
GPUALLOC_SOFTGPU_FAULTS=CreateAllocation2:2:remove expect_status 1 gpualloc bench T --device softgpu -n 1 --warmup 0
expect_stderr 'run 1 on softgpu: .* was removed'
unset GPUALLOC_SOFTGPU_FAULTS

bad() { # STATUS REGEX COMMAND…
    local status=$1 regex=$2; shift 2
    expect_status "$status" "$@"
    expect_one_line_stderr
    expect_stderr "$regex"
    [ ! -s "$stdout" ] || fail "stdout is not empty: $(cat "$stdout")"
}
bad 2 'name one or two devices' gpualloc bench T
bad 2 'name one or two devices' gpualloc bench T --device null --device null --device null
bad 2 'expected one TRACE' gpualloc bench T U --device null
bad 2 '--runs is from 1' gpualloc bench T --device null --runs 0
bad 2 'threshold cannot be negative' gpualloc bench T --device null --threshold -5
bad 1 'run 1 on null: gpualloc replay: no-such-trace: No such file' gpualloc bench no-such-trace --device null
bad 1 'run 1 on /dev/dri/card77: .*No such file' gpualloc bench T --device /dev/dri/card77
bad 1 'run 1 on voodoo: .*unknown backend voodoo' gpualloc bench T --device voodoo
bad 1 'run 1 on null: .*unknown option --no-such' gpualloc bench T --device null -- --no-such
bad 1 '--setup-b failed: exit status 7' gpualloc bench T --device null --setup-b 'exit 7'
bad 1 'kept: it is no empty folder' gpualloc bench T --device null -o kept
bad 1 'no/such/page.html' gpualloc bench T --device null --html no/such/page.html
bad 1 'no/such/folder' gpualloc bench T --device null -o no/such/folder
[ -z "$(ls "$TMPDIR")" ] || fail "temporary files stayed after failures: $(ls "$TMPDIR")"

# What compare will refuse is said after a run of each side, not after twenty.
rm order
expect_status 1 gpualloc bench T --device null --metric dance --setup-a 'echo A >>order' --setup-b 'echo B >>order'
expect_stderr '--metric dance: no such kind of call'
expect_stderr 'ended after the first run of each'
assert_eq "A B" "$(echo $(cat order))" "runs before a comparison was refused"
[ -z "$(ls "$TMPDIR")" ] || fail "temporary files stayed after a refused comparison: $(ls "$TMPDIR")"

# Where there is no later run, they are not lost.
expect_status 1 gpualloc bench T --device null -n 1 --metric dance
expect_stderr 'the results are in '
rm -rf "$TMPDIR"/gpualloc-bench.*

# Interrupted: a run on softgpu whose calls are slow, and a setup with a process in the background.
cp "$(command -v sleep)" lingers
interrupt() { # SIGNAL STATUS ARGUMENT…
    local signal=$1 expected=$2 status=0 pid; shift 2
    rm -f started
    env --default-signal gpualloc bench T "$@" >out 2>err & pid=$!
    wait_until 10 test -e started
    kill -"$signal" $pid
    wait $pid || status=$?
    assert_eq "$expected" "$status" "exit status after SIG$signal: $(cat err)"
    [ -z "$(processes_named lingers)" ] || fail "left running after SIG$signal: a setup"
    [ -z "$(processes_named gpualloc)" ] || fail "left running after SIG$signal: gpualloc"
    [ ! -s out ] || fail "an interrupted bench printed: $(cat out)"
    [ -z "$(ls "$TMPDIR")" ] || fail "temporary files stayed after SIG$signal: $(ls "$TMPDIR")"
}
interrupt INT 130 --device null --setup-a './lingers 600 & touch started; ./lingers 600; true'
interrupt TERM 143 --device null --setup-a './lingers 600 & touch started; ./lingers 600; true'
interrupt HUP 129 --device null --setup-a '(trap "" TERM HUP; exec ./lingers 600) & touch started; ./lingers 600; true'
make-trace --calls=200000 T2 >/dev/null
rm -rf T; mv T2 T
interrupt INT 130 --device null --runs 100 --setup-a 'touch started'
interrupt TERM 143 --device null --runs 100 --warmup 5000 --setup-a 'touch started'
