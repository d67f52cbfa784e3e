# On each fake DRM device: the client's calls are recorded, replayed on the same driver and recorded again; they are the same, and
# nothing is left open. (tests/vm does this on real kernel drivers.)
need python3
drivers="virtio_gpu radeon qxl vgem bochs-drm cirrus"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

expect_status 0 $fake gpualloc devices
expect_stdout '^/dev/dri/card0 +virtio_gpu .* virtio_gpu  \(software, no hardware\)$'
expect_stdout '^/dev/dri/card4 +bochs-drm .* dumb  \(software, no hardware\)$'

minor=0
for driver in $drivers; do
    node=/dev/dri/card$minor
    $fake gpualloc record -o "$driver" -- drm_scene $node >scene.out 2>&1 || fail "$driver: recording: $(cat scene.out)"
    rm -f fake.log
    # the device is found by the driver that the trace names
    $fake gpualloc record -o "$driver-again" -- gpualloc replay "$driver" >again.out 2>again.err ||
        fail "$driver: replaying: $(cat again.out again.err)"
    grep -q "$node (driver $driver 0.0.0 fake); software, no hardware" again.out || fail "$driver: wrong device: $(head -1 again.out)"
    grep -q ' 0 skipped; 0 answered otherwise than recorded, 0 out of order' again.out || fail "$driver: $(head -5 again.out)"
    ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "$driver: something was left open"
    gpualloc list --format jsonl "$driver" >a.jsonl 2>/dev/null
    gpualloc list --format jsonl "$driver-again" >b.jsonl 2>/dev/null
    python3 "$SOURCE/tests/e2e/same_calls.py" a.jsonl b.jsonl || fail "$driver: not the same calls"
    minor=$((minor + 1))
done
