# A session daemon that is stopped (SIGSTOP), before the program starts or while it runs, delays nobody: not a plain LD_PRELOAD with
# LTTng's own timeout, nor `gpualloc run`, which sets one; and the program's output is the same.
#
# Fails without the cure: without LTTNG_UST_REGISTER_TIMEOUT the start takes 3 s.
need_built dxg_churn libgpualloc-trace.so libgpualloc-softgpu.so
set_preloads
unset LTTNG_UST_REGISTER_TIMEOUT # the tests' own, which is longer
daemon=$(cat "$place/sessiond.pid")
trap 'kill -CONT $daemon 2>/dev/null' EXIT
env LD_PRELOAD="$soft" dxg_churn 50 >plain

# Runs a command: same output as plain, in less than the 3 s that LTTng would wait.
timely() {
    within 2900 "$@"
    cmp plain "$stdout" && [ ! -s "$stderr" ] || fail "other output: $*: $(cat "$stderr")"
}

lttng create running --output="$PWD/T" >lttng.log
lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
lttng start >>lttng.log
kill -STOP "$daemon"
timely env LTTNG_UST_REGISTER_TIMEOUT=0 LD_PRELOAD="$preload" dxg_churn 50
timely gpualloc run --softgpu -- dxg_churn 50
kill -CONT "$daemon"
timely env LD_PRELOAD="$preload" dxg_churn 50

# Stopped while the program runs: the buffers fill and the rest is discarded, but nothing waits.
mkfifo gate
(env LD_PRELOAD="$preload" sh -c 'read -r go <gate; exec dxg_churn 20000 256' >late) &
program=$!
sleep 0.3
kill -STOP "$daemon"
echo go >gate
wait_until 20 eval "! alive $program"
wait $program || fail "the program ended with $?"
kill -CONT "$daemon"
assert_eq "made 20000 allocations" "$(cat late)" "output"
lttng destroy >>lttng.log
