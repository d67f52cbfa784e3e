# LTTng's own helper libraries, preloaded before or after ours, do their work once: a child is forked and recorded, everything is
# closed and recorded, and nothing waits for a lock that it holds itself.
need_built killer_fork killer_close libgpualloc-trace.so libgpualloc-softgpu.so
need lttng
helpers=
for name in fork fd; do
    path=$(ldconfig -p | grep -o "/.*liblttng-ust-$name\.so\.1$" | sed -n 1p) || skip "liblttng-ust-$name is not installed"
    helpers=${helpers:+$helpers:}$path
done
set_preloads

for order in "$helpers:$preload" "$preload:$helpers"; do
    case $order in *asan*) skip "a sanitizer's runtime must come first" ;; esac
    rm -rf T pids
    lttng create helpers --output="$PWD/T" >lttng.log
    lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
    lttng start >>lttng.log
    expect_status 0 timeout 20 env LD_PRELOAD="$order" killer_fork fork "$PWD/pids"
    expect_status 0 timeout 20 env LD_PRELOAD="$order" killer_close closefrom
    expect_status 0 timeout 20 env LD_PRELOAD="$order" killer_close loop
    lttng destroy >>lttng.log
    gpualloc list --format jsonl --event d3dkmt:create_allocation T >calls 2>loss
    assert_match '0 events and 0 packets discarded, 0 calls' "$(cat loss)" "loss"
    assert_eq $((40 + 2 * 40)) "$(wc -l <calls)" "creates"
    assert_eq 3 "$(sed 's/.*"pid":\([0-9]*\),.*"hPrivateRuntimeResourceHandle":\1}$/\1/; t; d' calls | sort -u | wc -l)" "processes"
done
