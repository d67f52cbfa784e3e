# A recording of /dev/dxg replayed on DRM devices: each allocation becomes a buffer of its size, in system memory as the device's driver
# says it, or a dumb one; what needs the other interface is skipped and says so. Its results are not compared with verbatim ones.
need python3
export GPUALLOC_FAKE_DRM="amdgpu i915 xe nouveau virtio_gpu bochs-drm" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
gpualloc record --softgpu -o T -- dxg_everything >scene.out 2>&1 || fail "recording: $(cat scene.out)"
for number in 0 1 2 3 4; do
    expect_status 0 $fake gpualloc replay T --device /dev/dri/renderD$((128 + number)) --json $number.json
    expect_stdout 'native, order memory'
    expect_stdout '^  4 allocations of which the recording tells no place: (system|coherent) memory$'
done
expect_status 0 $fake gpualloc replay T --device /dev/dri/card5 --populate touch --json 5.json
expect_stdout 'dumb, order memory'
! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "something was left open"
# all that was made is closed by the calls that ended it: none is left to the end of the file
! grep 'closed .* with [1-9]' fake.log || fail "buffers were left to the end"
python3 - <<'END' || fail "the results"
import json
for number in range(6):
    result = json.load(open(f'{number}.json'))
    run = result['runs'][0]
    assert result['mode'] == ('dumb' if number == 5 else 'native'), result['mode']
    assert result['translated'] == {'create_allocation': 4, 'destroy_allocation': 3, 'destroy_device': 1}, result['translated']
    assert run['differs'] == run['order_violations'] == run['out_of_memory'] == 0, run
    assert set(run['skipped']) == {'effect', 'no_counterpart', 'no_maker'}, run['skipped']
    places = [(p['recorded'], p['issued'], p['creates']) for p in result['places']]
    system = 'coherent' if number == 4 else 'system'
    assert places == ([] if number == 5 else [('unknown', system, 4)]), places
assert run['populated'] == {'touch': 4}, run  # one buffer a create
END
expect_status 0 gpualloc replay T --softgpu --runs 4 --json dxg.json
expect_status 0 $fake gpualloc replay T --device /dev/dri/card0 --runs 4 --json drm.json
expect_status 1 gpualloc compare dxg.json drm.json
expect_one_line_stderr
expect_stderr 'one result is verbatim and the other native'

# the buffers have the sizes of the allocations
$fake gpualloc record -o N -- gpualloc replay T --device /dev/dri/card3 >/dev/null 2>&1 || fail "recording a replay"
gpualloc list --format jsonl N >n.jsonl 2>/dev/null
python3 - <<'END' || fail "the sizes"
import json
sizes = [c['info']['size'] for c in map(json.loads, open('n.jsonl')) if c['event'] == 'drm:nouveau_gem_new']
assert sizes[-4:] == [65536] * 4, sizes  # before them, the place was tried
END

# told to be verbatim, it has nothing to issue; sizes that nobody knows are a reason of their own
expect_status 1 $fake gpualloc replay T --device /dev/dri/card0 --translate verbatim
expect_one_line_stderr
expect_stderr 'none of the 88 calls can be issued on backend amdgpu; most: a request of another interface'
make-trace --scenario="$SOURCE/tests/golden/learnt-sizes.scenario" made >/dev/null
expect_status 0 $fake gpualloc replay made --device /dev/dri/card0 --json made.json
expect_stdout 'skipped [1-9][0-9]*: it cannot be translated: its size is not known'
