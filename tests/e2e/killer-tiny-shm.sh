# A /dev/shm that is too small, or full: the program runs as without the tracer.
#
# The cure is record's refusal (record-tiny-shm); here is nothing to take away, as the tracer keeps nothing in /dev/shm. This shows
# that LTTng's failure stays LTTng's.
[ -n "${E2E_INSIDE:-}" ] || skip "needs a /dev/shm of its own (root)"
need_built dxg_churn libgpualloc-trace.so libgpualloc-softgpu.so
set_preloads
mount -o remount,size=256K /dev/shm
env LD_PRELOAD="$soft" dxg_churn 300 4096 >plain
lttng create tiny --output="$PWD/T" >lttng.log
lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
lttng start >>lttng.log
expect_status 0 env LD_PRELOAD="$preload" dxg_churn 300 4096
cmp plain "$stdout" && [ ! -s "$stderr" ] || fail "other output"
lttng destroy >>lttng.log
