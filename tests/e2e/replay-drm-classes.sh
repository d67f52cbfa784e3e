# Traces of drivers that real machines of ours have (virtio_gpu, radeon, qxl, and dumb buffers alone) replayed on the fakes of others:
# as many buffers, of the same sizes up to a page of the device, in the likest class of memory; and as dumb buffers.
need python3
drivers="virtio_gpu radeon qxl vgem amdgpu i915 xe nouveau"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
names=($drivers)
for from in 0 1 2 3; do
    $fake gpualloc record -o T$from -- drm_scene /dev/dri/card$from >scene.out 2>&1 || fail "recording: $(cat scene.out)"
done
rm -f fake.log
for from in 0 1 2 3; do
    for to in 0 3 4 5 6 7; do
        [ $from != $to ] || continue
        expect_status 0 $fake gpualloc replay T$from --device /dev/dri/card$to --json $from-$to.json
        ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "${names[from]} on ${names[to]}: left open"
    done
done
python3 - <<'END' || fail "the results"
import json
LOCAL, VISIBLE, SYSTEM, COHERENT = 'local', 'visible local', 'system', 'coherent'
names = 'virtio_gpu radeon qxl vgem amdgpu i915 xe nouveau'.split()
# what each device can be asked for, and what each class becomes where it cannot
words = {'virtio_gpu': [COHERENT], 'amdgpu': [LOCAL, VISIBLE, SYSTEM, COHERENT], 'i915': [LOCAL, VISIBLE, SYSTEM],
         'xe': [LOCAL, VISIBLE, SYSTEM, COHERENT], 'nouveau': [LOCAL, VISIBLE, SYSTEM, COHERENT]}
likest = {LOCAL: [LOCAL, VISIBLE, SYSTEM, COHERENT], VISIBLE: [VISIBLE, LOCAL, SYSTEM, COHERENT],
          SYSTEM: [SYSTEM, COHERENT], COHERENT: [COHERENT, SYSTEM]}
# creates of each scene by class
recorded = {'virtio_gpu': {COHERENT: 9}, 'radeon': {LOCAL: 5}, 'qxl': {COHERENT: 7}, 'vgem': {}}
for a, source in enumerate(names[:4]):
    for b, target in enumerate(names):
        if a == b or b in (1, 2):
            continue
        r = json.load(open(f'{a}-{b}.json'))
        run = r['runs'][0]
        assert run['differs'] == 0 and run['order_violations'] == 0 and run['out_of_memory'] == 0, (source, target, run)
        mode = 'verbatim' if source == 'vgem' else 'dumb' if target == 'vgem' else 'native'
        assert r['mode'] == mode, (source, target, r['mode'])
        if mode != 'native':
            assert r['places'] == [], (source, target, r['places'])
            continue
        places = {p['recorded']: (p['issued'], p['creates']) for p in r['places']}
        expected = {c: (next(p for p in likest[c] if p in words[target]), n) for c, n in recorded[source].items()}
        assert places == expected, (source, target, places, expected)
        assert set(run['skipped']) <= {'no_counterpart', 'no_maker', 'no_size'}, (source, target, run['skipped'])
        made = sum(n for kind, n in r['translated'].items() if 'map' not in kind)
        assert made == sum(recorded[source].values()), (source, target, r['translated'])
END
