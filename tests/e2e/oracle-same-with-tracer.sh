# The program does not notice the tracer: output, exit status, errno and every byte of its results are as without it.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need python3
oracle=$SOURCE/tests/e2e/oracle.py
set_preloads

for how in "" --ioctl; do
    expect_status 0 env LD_PRELOAD="$soft" d3dkmt_scene --log alone.log $how
    cp "$stdout" alone.out; cp "$stderr" alone.err
    expect_status 0 gpualloc record --softgpu -o "T$how" -- d3dkmt_scene --log traced.log $how
    cmp alone.out "$stdout" || fail "stdout differs $how"
    python3 "$oracle" --same alone.log traced.log || fail "results differ $how"
    # The library loaded, and nobody recording: no session is there.
    expect_status 0 env LD_PRELOAD="$preload" d3dkmt_scene --log loaded.log $how
    cmp alone.out "$stdout" || fail "stdout differs when nobody records $how"
    cmp alone.err "$stderr" || fail "stderr differs when nobody records $how"
    python3 "$oracle" --same alone.log loaded.log || fail "results differ when nobody records $how"
done

# Failing as without it: no device, a wrong option, a file that can't be written.
for arguments in "" "--nonsense" "--log /nonexistent/log"; do
    status=0
    d3dkmt_scene $arguments >alone.out 2>alone.err || status=$?
    [ $status != 0 ] || fail "d3dkmt_scene $arguments should fail"
    traced=0
    gpualloc record -o "F$RANDOM" -- d3dkmt_scene $arguments >traced.out 2>traced.err || traced=$?
    assert_eq $status $traced "exit status of d3dkmt_scene $arguments"
    cmp alone.out traced.out || fail "stdout differs: $arguments"
    [ "$(cat alone.err)" = "$(grep -v '^gpualloc record' traced.err)" ] || fail "stderr differs: $arguments: $(cat traced.err)"
done

# The comparison sees a difference: other numbers of surfaces, another result.
sed '0,/"ret":0/s//"ret":1/' alone.log >changed.log
! python3 "$oracle" --same alone.log changed.log 2>/dev/null || fail "a changed result is not seen"
