# A session that the user made with lttng records the same calls as `gpualloc record` does, with a plain LD_PRELOAD or with run.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2 lttng

set_preloads
assert_match '(^|:)'"$BUILD/lib/libgpualloc-trace.so:$BUILD/lib/libgpualloc-softgpu.so"'$' "$preload" "LD_PRELOAD of run"

in_user_session() {
    local name=$1; shift
    lttng create "$name" --output="$work/$name" >lttng.log
    lttng enable-event --userspace 'gpualloc:*,d3dkmt:*,drm:*' >>lttng.log
    lttng start >>lttng.log
    "$@" >"$name.out"
    lttng destroy >>lttng.log
}
calls_of() { babeltrace2 --no-delta "$1" | grep -oE 'd3dkmt:[a-z0-9_]+' | sort | uniq -c; }

in_user_session plain env LD_PRELOAD="$preload" ASAN_OPTIONS=detect_leaks=0 d3dkmt_scene
in_user_session with-run gpualloc run --softgpu -- d3dkmt_scene
expect_status 0 gpualloc record --softgpu -o recorded -- d3dkmt_scene

assert_match 'd3dkmt:create_allocation' "$(calls_of plain)" "calls of a plain LD_PRELOAD"
assert_eq "$(calls_of recorded)" "$(calls_of plain)" "calls of a plain LD_PRELOAD"
assert_eq "$(calls_of recorded)" "$(calls_of with-run)" "calls of gpualloc run"
cmp plain.out with-run.out && cmp plain.out "$stdout"

# A session of the user's and record at the same time: both have it all.
lttng create both --output="$work/both" >lttng.log
lttng enable-event --userspace 'gpualloc:*,d3dkmt:*,drm:*' >>lttng.log
lttng start >>lttng.log
expect_status 0 gpualloc record --softgpu -o recorded-too -- d3dkmt_scene
grep -q 'both \[active\]' < <(lttng list) || fail "record took the user's session away"
lttng destroy >>lttng.log
assert_eq "$(calls_of recorded)" "$(calls_of both)" "calls in the user's session"
assert_eq "$(calls_of recorded)" "$(calls_of recorded-too)" "calls in record's session"
