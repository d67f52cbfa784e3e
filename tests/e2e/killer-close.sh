# Programs that close every descriptor, LTTng's among them, stay alive and recorded, and see what they see without the tracer.
#
# Fails without the cure: with close, closefrom and close_range taken out of the wrappers (tracer/preload/trace.map) LTTng's sockets
# go with the rest, and the program is aborted by LTTng's threads (lttng_counter_shmp_object_destroy: Assertion `0' failed).
need_built killer_close libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2
set_preloads
all='for how in closefrom close_range close_range_unshare close_range_cloexec loop; do killer_close $how || exit; done'

env LD_PRELOAD="$soft" sh -c "$all" >plain
expect_status 0 gpualloc record --softgpu --json -o T -- sh -c "$all"
# A loop finds as many open descriptors as the program has: LTTng's answer EBADF, as closed ones do.
cmp plain "$stdout" || fail "another output than without the tracer"
assert_eq True "$(json "['complete']" "$stderr")" "complete"

babeltrace2 T >events
for how in closefrom close_range close_range_unshare close_range_cloexec loop; do
    process=$(grep 'gpualloc:process:' events | grep "command_line = \"killer_close $how\"" |
        grep -o '{ process = 0x[0-9A-F]*' | sort -u)
    assert_eq 1 "$(wc -l <<<"$process")" "$how: processes"
    grep "$process[, ]" events >own
    for surface in 1 2; do
        creates=$(grep 'd3dkmt:create_allocation:' own | grep -c "hPrivateRuntimeResourceHandle = 0x$surface ")
        assert_eq 20 "$creates" "$how: creates of surface $surface"
    done
    # The device was closed once and opened again; CLOEXEC closes nothing.
    files=2 closed=1
    [ $how != close_range_cloexec ] || files=1 closed=0
    assert_eq $files "$(grep -c 'gpualloc:file:' own)" "$how: files"
    assert_eq $closed "$(grep -c 'gpualloc:file_closed:' own || true)" "$how: files closed"
done
