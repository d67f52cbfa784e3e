# With no session daemon, record starts one and the last recording that leaves it stops it; with a session left, nobody does.
need_built libgpualloc-trace.so
stop_session_daemon
daemons() { processes_named lttng-sessiond | wc -w; }
none() { [ "$(daemons)" = 0 ]; }
one() { [ "$(daemons)" = 1 ]; }

expect_status 0 gpualloc record -o T1 -- sh -c 'lttng list | grep -o gpualloc-sh-.*active'
expect_stdout 'gpualloc-sh-[0-9]+-[0-9]+ \[active'
expect_stderr 'session daemon: pid [0-9]+, started for this recording'
none || fail "the session daemon stayed"
assert_eq "" "$(processes_named lttng-consumerd)" "consumers left"

# Two at once: one daemon; whoever ends first leaves it to the other, who stops it.
both() { # NAME WHO-ENDS-FIRST THE-OTHER: their programs end when somebody opens their gates
    local -A running
    local who
    for who in a b; do
        mkfifo "$1-$who.gate"
        gpualloc record -o "$1-$who" -- cat "$1-$who.gate" 2>"$1-$who.err" & running[$who]=$!
    done
    wait_until 10 sessions 2
    assert_eq 1 "$(daemons)" "daemons of two recordings"
    for who in "$2" "$3"; do
        one || fail "$(daemons) daemons when $who is still recording"
        : >"$1-$who.gate"
        wait "${running[$who]}"
    done
    grep -l 'started for this recording' "$1"-?.err | wc -l >"$1-started"
    assert_eq 1 "$(cat "$1-started")" "recordings that started a daemon"
    wait_until 5 none
}
sessions() { [ "$(lttng list 2>/dev/null | grep -cE '[0-9]\) gpualloc-')" = "$1" ]; }
both first a b
both second b a

# A session of the user's keeps the daemon; the next recording to leave it alone stops it.
expect_status 0 gpualloc record -o T3 -- sh -c 'lttng create mine --no-output >/dev/null'
one || fail "the session daemon was stopped with a user's session in it"
expect_status 0 gpualloc record -o T4 -- lttng destroy mine
expect_stderr 'session daemon: pid [0-9]+, started by another gpualloc'
none || fail "the session daemon stayed after its last session"

# A recording that was killed leaves its session and daemon; the next recording takes both away.
gpualloc record -o T5 -- sh -c 'echo $$ >pid; exec sleep 600' 2>/dev/null & killed=$!
wait_until 10 test -s pid
kill -KILL $killed
wait $killed 2>/dev/null || true
kill "$(cat pid)"
expect_status 0 gpualloc record -o T6 -- true
none || fail "the killed recording's daemon stayed"
