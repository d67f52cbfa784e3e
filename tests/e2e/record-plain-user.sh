# record, as a plain user: with a session daemon of its own that it starts and stops, and with one that runs.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so

as_user 65534 true
stop_session_daemon
expect_status 0 as_user 65534 gpualloc record --softgpu --json -o T -- d3dkmt_scene
[ "$(json "['calls']" "$stderr")" -gt 0 ] || fail "no calls: $(cat "$stderr")"
assert_eq True "$(json "['complete']" "$stderr")" "complete"
assert_eq True "$(json "['session_daemon_started']" "$stderr")" "daemon started"
assert_eq "" "$(processes_named lttng-sessiond)" "session daemons left"
[ "$(id -u)" != 0 ] || assert_eq 65534 "$(stat -c %u "$work/home-65534/T/gpualloc.json")" "owner of the output"

as_user 65534 lttng-sessiond --daemonize --no-kernel --pidfile="$work/home-65534/pid"
expect_status 0 as_user 65534 gpualloc record --softgpu -o T2 -- d3dkmt_scene
expect_stderr "session daemon: pid $(cat "$work/home-65534/pid"), running already"
alive "$(cat "$work/home-65534/pid")" || fail "somebody else's session daemon was stopped"
stop_recorded "$work/home-65534/pid"
