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
both() {
    gpualloc record -o "$1-a" -- sleep "$2" 2>"$1-a.err" & local a=$!
    gpualloc record -o "$1-b" -- sleep "$3" 2>"$1-b.err" & local b=$!
    wait_until 10 sessions 2
    assert_eq 1 "$(daemons)" "daemons of two recordings"
    wait $a; wait $b
    grep -l 'started for this recording' "$1"-?.err | wc -l >"$1-started"
    assert_eq 1 "$(cat "$1-started")" "recordings that started a daemon"
    wait_until 5 none
}
sessions() { [ "$(lttng list 2>/dev/null | grep -cE '[0-9]\) gpualloc-')" = "$1" ]; }
both first 1 2
both second 2 1

# A session of the user's keeps the daemon; the next recording to leave it alone stops it.
expect_status 0 gpualloc record -o T3 -- sh -c 'lttng create mine --no-output >/dev/null'
one || fail "the session daemon was stopped with a user's session in it"
expect_status 0 gpualloc record -o T4 -- lttng destroy mine
expect_stderr 'session daemon: pid [0-9]+, started by another gpualloc'
none || fail "the session daemon stayed after its last session"

# A recording that was killed leaves its session and daemon; the next recording takes both away.
gpualloc record -o T5 -- sleep 60 2>/dev/null & killed=$!
wait_until 10 sessions 1
kill -KILL $killed
wait $killed 2>/dev/null || true
kill $(processes_named sleep)
expect_status 0 gpualloc record -o T6 -- true
none || fail "the killed recording's daemon stayed"
