# On each fake DRM device: a client that makes no mistake is found clean, one that makes mistakes on purpose is not.
need_built libgpualloc-trace.so libfake-drm.so drm_scene

drivers="virtio_gpu vgem bochs-drm cirrus qxl radeon"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

number=0
for driver in $drivers; do
    node=/dev/dri/card$number
    number=$((number + 1))
    $fake gpualloc record -o "$driver" -- drm_scene --no-mistakes $node >scene.out 2>&1 || fail "$driver: recording: $(cat scene.out)"
    expect_status 0 gpualloc lint --fail-on=note "$driver"
    expect_stdout '^Nothing found'
done

$fake gpualloc record -o wrong -- drm_scene /dev/dri/card0 >scene.out 2>&1 || fail "recording: $(cat scene.out)"
expect_status 5 gpualloc lint wrong
for rule in 'error destroy-stranger' 'error unknown-handle' 'warning flink-name' 'note refused-call'; do
    expect_stdout "^$rule: "
done
