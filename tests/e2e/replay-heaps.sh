# What DMA heaps and udmabuf made is made again on the nodes of the same names, with memfds of the replay's, and imported by whichever
# device: the calls are the same when they are recorded again. Where such a node is not, its calls are left out: here all.
need python3
export GPUALLOC_FAKE_DRM="virtio_gpu qxl dma_heap udmabuf" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
$fake gpualloc record -o T -- heap_buffers /dev/dri/card0 >scene.out 2>&1 || fail "recording: $(cat scene.out)"
rm -f fake.log
for on in "" "--device /dev/dri/card1"; do
    $fake gpualloc record -o again -- gpualloc replay T $on --runs 2 --json again.json >again.out 2>again.err ||
        fail "$(cat again.out again.err)"
    ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "something was left open: $(cat fake.log)"
    gpualloc list --format jsonl again >again.jsonl 2>/dev/null
    gpualloc list --format jsonl T >T.jsonl 2>/dev/null
    python3 - <<'END' || fail "$(cat again.json)"
import json
page = 4096
for run in json.load(open('again.json'))['runs']:
    assert run['skipped'] == {} and run['differs'] == 0 and run['order_violations'] == 0, run
def sizes(path):
    calls = [json.loads(line) for line in open(path)]
    return [c.get('len') or c.get('size') or [(p['offset'], p['size']) for p in c['list']] for c in calls
            if c['event'] in ('drm:dma_heap_alloc', 'drm:udmabuf_create', 'drm:udmabuf_create_list')]
made = sizes('T.jsonl')
assert made == [5 * page, 8 * page, [(32 * page, 32 * page), (0, page)], page] and sizes('again.jsonl') == made * 2, made
peak = json.load(open('again.json'))['plan']['peak_bytes']
assert peak == (5 + 8) * page, peak  # of a list of parts the schema says no size
END
    rm -r again
done
GPUALLOC_FAKE_DRM="virtio_gpu" expect_status 1 $fake gpualloc replay T
expect_one_line_stderr
expect_stderr 'none of the 7 calls can be issued on backend virtio_gpu'
