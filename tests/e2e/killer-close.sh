# Programs that close every descriptor, LTTng's among them, stay alive and recorded, and see what they see without the tracer.
#
# Fails without the cure: with close, closefrom and close_range taken out of the wrappers (tracer/preload/trace.map) LTTng's sockets
# go with the rest: closefrom and close_range aborted the program, a loop lost all that followed.
need_built killer_close libgpualloc-trace.so libgpualloc-softgpu.so

for how in closefrom close_range close_range_unshare close_range_cloexec loop; do
    env LD_PRELOAD="$BUILD/lib/libgpualloc-softgpu.so" killer_close $how >plain
    expect_status 0 gpualloc record --softgpu --json -o $how -- killer_close $how
    # A loop finds as many open descriptors as the program had: LTTng's answer EBADF, as closed ones do.
    cmp plain "$stdout" || fail "$how: another output than without the tracer"
    assert_eq True "$(json "['complete']" "$stderr")" "$how: complete"
    gpualloc list --format jsonl --event d3dkmt:create_allocation $how >calls 2>/dev/null
    for surface in 1 2; do
        assert_eq 20 "$(grep -c "\"hPrivateRuntimeResourceHandle\":$surface}" calls)" "$how: creates of surface $surface"
    done
    # The device was closed once and opened again; CLOEXEC closes nothing.
    files=2 closed=1
    [ $how != close_range_cloexec ] || files=1 closed=0
    babeltrace2 $how >events
    assert_eq $files "$(grep -c 'gpualloc:file:' events)" "$how: files"
    assert_eq $closed "$(grep -c 'gpualloc:file_closed:' events || true)" "$how: files closed"
done
