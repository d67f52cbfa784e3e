# Too small a /dev/shm: LTTng would lose everything without a word. record takes less where that is enough, and refuses where not.
[ -n "${E2E_INSIDE:-}" ] || skip "needs a /dev/shm of its own (root)"
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so

shrink() { # SIZE: refused while the buffers of an ended recording are still there
    local try
    for try in {1..100}; do mount -o remount,size="$1" /dev/shm 2>mount.err && return; sleep 0.1; done
    fail "$(cat mount.err)"
}

shrink 8M
expect_status 0 gpualloc record --softgpu --json -o small -- d3dkmt_scene
assert_eq True "$(json "['complete']" "$stderr")" "complete in 8 MiB"
[ "$(json "['calls']" "$stderr")" -gt 0 ] || fail "no calls in 8 MiB: $(cat "$stderr")"

expect_status 125 gpualloc record --softgpu --subbuf-size 4M -o asked -- d3dkmt_scene
expect_stderr '/dev/shm has [0-9.]+ [KM]iB free and the buffers need .*--subbuf-size'
expect_one_line_stderr

shrink 128K
expect_status 125 gpualloc record --softgpu -o tiny -- d3dkmt_scene
expect_stderr '/dev/shm has .* free and the buffers need .*mount -o remount'
expect_one_line_stderr
[ ! -e tiny ] && [ ! -e asked ] || fail "output of a recording that never began"
