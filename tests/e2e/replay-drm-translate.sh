# A trace of one driver replayed on the fakes of others, in their own requests: as many buffers of the same sizes, in the likest class
# of memory that the device has; what became of each class is in the result. What the device cannot hold is named before.
need python3
drivers="amdgpu i915 xe nouveau radeon virtio_gpu qxl"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
minor=0
for driver in $drivers; do
    node[$minor]=/dev/dri/renderD$((128 + minor))
    minor=$((minor + 1))
done
node[6]=/dev/dri/card6 # it has no render nodes
for from in 0 1 2 3; do
    $fake gpualloc record -o T$from -- drm_native ${node[$from]} >scene.out 2>&1 || fail "recording: $(cat scene.out)"
done
rm -f fake.log
for from in 0 1 2 3; do
    for to in 0 1 2 3 4 5 6; do
        [ $from != $to ] || continue
        expect_status 0 $fake gpualloc replay T$from --device ${node[$to]} --json $from-$to.json
        expect_stdout 'native, order memory'
        ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "$from on $to: something was left open"
    done
done
python3 - <<'END' || fail "the results"
import json
LOCAL, VISIBLE, SYSTEM, COHERENT = 'local', 'visible local', 'system', 'coherent'
# creates of each recorded driver by class, the program's own memory included
recorded = [{LOCAL: 1, VISIBLE: 1, SYSTEM: 1, COHERENT: 3}, {LOCAL: 1, VISIBLE: 1, SYSTEM: 2}, {LOCAL: 1, VISIBLE: 1, COHERENT: 1},
            {LOCAL: 1, VISIBLE: 1, SYSTEM: 1, COHERENT: 1}]
all_four = [LOCAL, VISIBLE, SYSTEM, COHERENT]
said = [all_four, [LOCAL, VISIBLE, SYSTEM], all_four, all_four, all_four, [COHERENT], [COHERENT]]
likest = {LOCAL: [LOCAL, VISIBLE, SYSTEM, COHERENT], VISIBLE: [VISIBLE, LOCAL, SYSTEM, COHERENT],
          SYSTEM: [SYSTEM, COHERENT], COHERENT: [COHERENT, SYSTEM]}
for a in range(4):
    for b in range(7):
        if a == b:
            continue
        r = json.load(open(f'{a}-{b}.json'))
        places = {p['recorded']: (p['issued'], p['creates']) for p in r['places']}
        expected = {c: (next(p for p in likest[c] if p in said[b]), n) for c, n in recorded[a].items()}
        assert places == expected, (a, b, places, expected)
        run = r['runs'][0]
        assert r['mode'] == 'native' and run['differs'] == 0 and run['order_violations'] == 0, (a, b, run)
        assert set(run['skipped']) <= {'commands', 'no_signal', 'no_counterpart', 'no_maker'}, (a, b, run)
END

# the sizes, as another tracer sees them: amdgpu's creates on nouveau
$fake gpualloc record -o N -- gpualloc replay T0 --device ${node[3]} >/dev/null 2>&1 || fail "recording a replay"
gpualloc list --format jsonl T0 >a.jsonl 2>/dev/null
gpualloc list --format jsonl N >b.jsonl 2>/dev/null
python3 - <<'END' || fail "the sizes"
import json
def calls(path):
    return [json.loads(line) for line in open(path)]
amdgpu = [c['size'] if 'size' in c else c['in']['bo_size'] for c in calls('a.jsonl')
          if c['event'] in ('drm:amdgpu_gem_create', 'drm:amdgpu_gem_userptr')]
nouveau = [c for c in calls('b.jsonl') if c['event'] == 'drm:nouveau_gem_new'][-len(amdgpu):]  # before them, places were tried
assert [c['info']['size'] for c in nouveau] == amdgpu, (amdgpu, nouveau)
assert [c['info']['domain'] for c in nouveau][:3] == [20, 2, 10], nouveau  # the first is what amdgpu caches
END

# too little memory: it is said, the run goes on, and all is freed; more than the device has is named before the run
rm -f fake.log
GPUALLOC_FAKE_DRM_BYTES=300000 expect_status 8 $fake gpualloc replay T0 --device ${node[0]} --json small.json
expect_stdout 'out of memory [1-9][0-9]*: creates for which the device had none left'
python3 -c "
import json
run = json.load(open('small.json'))['runs'][0]
assert run['out_of_memory'] > 0 and run['skipped']['absent'] > 0 and run['order_violations'] == 0, run" ||
    fail "the small device's result"
! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "small: something was left open"
