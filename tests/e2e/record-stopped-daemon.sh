# A session daemon that was stopped (SIGSTOP): record says so within a bound, run starts its program without the 3 s that UST would
# wait, and a daemon that stops during a recording does not hang it.
need_built libgpualloc-trace.so
unset LTTNG_UST_REGISTER_TIMEOUT # the tests' own, which is longer
daemon=$(cat "$place/sessiond.pid")
trap 'kill -CONT $daemon 2>/dev/null' EXIT

kill -STOP "$daemon"
start=$SECONDS
expect_status 125 gpualloc record -o T -- true
expect_stderr "session daemon \(pid $daemon\) does not answer within 5 s"
expect_one_line_stderr
[ $((SECONDS - start)) -le 60 ] || fail "record took $((SECONDS - start)) s"
[ ! -e T ] || fail "output of a recording that never began"

within 2900 gpualloc run -- true

kill -CONT "$daemon"
start=$SECONDS
expect_status 7 gpualloc record -o T -- sh -c "kill -STOP $daemon; exit 7"
expect_stderr 'end of the session: no answer within'
[ $((SECONDS - start)) -le 120 ] || fail "record took $((SECONDS - start)) s"
kill -CONT "$daemon"
