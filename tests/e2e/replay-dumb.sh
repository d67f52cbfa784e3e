# A driver's own creates become dumb buffers of the same size on any card node; what was translated is said, and such a result is
# not compared with a verbatim one.
need python3
export GPUALLOC_FAKE_DRM="qxl bochs-drm virtio_gpu"
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
$fake gpualloc record -o T -- drm_scene /dev/dri/card2 >/dev/null 2>&1 || fail "recording"

# virtio_gpu's requests mean nothing to qxl: refused with the way out
expect_status 0 $fake gpualloc replay T --device /dev/dri/card0 --translate verbatim
expect_stdout 'skipped [0-9]+: a request of another driver'
expect_status 0 $fake gpualloc replay T --device /dev/dri/card0 --backend dumb --json dumb.json --runs 4
expect_stdout 'dumb, order memory'
[ ! -s "$stderr" ] || fail "stderr: $(cat "$stderr")"
expect_status 0 $fake gpualloc replay T --json verbatim.json --runs 4

python3 - <<'END' || fail "the result"
import json
r = json.load(open('dumb.json'))
assert r['mode'] == 'dumb' and r['backend'] == 'dumb' and r['device']['driver'] == 'qxl' and r['device']['software']
assert r['translated'] == {'virtgpu_resource_create': 6, 'virtgpu_resource_create_blob': 3, 'virtgpu_map': 9}, r['translated']
for run in r['runs']:
    # what has no counterpart: resource info, and the native requests that failed
    assert run['skipped'] == {'no_counterpart': 12} and run['differs'] == 0 and run['order_violations'] == 0, run
v = json.load(open('verbatim.json'))
assert v['mode'] == 'verbatim' and v['translated'] == {} and all(run['skipped'] == {} for run in v['runs'])
END
expect_status 1 gpualloc compare verbatim.json dumb.json
expect_one_line_stderr
expect_stderr 'one result is verbatim and the other dumb'

# the buffers have the recorded sizes: the replay is recorded, and its creates are as large as the client's
$fake gpualloc record -o D -- gpualloc replay T --device /dev/dri/card1 --backend dumb >/dev/null 2>&1 || true
gpualloc list --format jsonl T >T.jsonl 2>/dev/null
gpualloc list --format jsonl D >D.jsonl 2>/dev/null
python3 - <<'END' || fail "the sizes"
import json
def sizes(path):
    calls = [json.loads(line) for line in open(path)]
    return [(c['size'] + 4095) // 4096 * 4096 for c in calls if 'create' in c['event'] and c['ret'] == 0]
assert sizes('T.jsonl') == sizes('D.jsonl'), (sizes('T.jsonl'), sizes('D.jsonl'))
END

# A recording of dumb buffers alone is verbatim on any driver.
$fake gpualloc record -o B -- drm_scene /dev/dri/card1 >/dev/null 2>&1 || fail "recording bochs-drm"
expect_status 0 $fake gpualloc replay B --device /dev/dri/card2
expect_stdout 'verbatim, order memory'
expect_stdout '0 skipped'

# The device's lines are twice as long: each buffer is twice as large, also when its file's end frees it, and the live bytes are as
# far from the recording's as these are high.
python3 - >mountain.scenario <<'END'
print("trace clock=1700000000000000000\ndefault process=0x1 pid=10 tid=10 file=0xa1 device=0xe200")
print('1000 gpualloc:process schema_version=1 program="p"\n'
      '+10 gpualloc:file fd=4 path="/dev/dri/card0" driver="bochs-drm" driver_version="1.0.0"')
for handle in range(1, 201):
    print(f"+9000 drm:mode_create_dumb width=64 height=64 bpp=32 handle={handle} pitch=256 size=16384")
for handle in range(1, 101):
    print(f"+9000 drm:{'gem_close' if handle % 2 else 'mode_destroy_dumb'} handle={handle}")
print("+9000 gpualloc:file_closed begin=2710000")
print('+10 gpualloc:file file=0xa2 fd=5 path="/dev/dri/card0" driver="bochs-drm" driver_version="1.0.0"')
for _ in range(100):
    print("+9000 drm:gem_close file=0xa2 handle=77 ret=-1 error=22")
END
make-trace --scenario=mountain.scenario M
distance() { # TIMES: how far, when lines are so many times as long
    GPUALLOC_FAKE_DRM_LINES=$1 expect_status 0 $fake gpualloc replay M --device /dev/dri/card1 --lanes 1 --loops 3 --json far.json
    python3 -c "
import json
live = [*range(1, 201), *range(199, 99, -1), *[0] * 101]
run = json.load(open('far.json'))['runs'][0]
far, expected = run['fidelity']['live_bytes_distance'], ($1 - 1) * sum(live) / len(live) / 200
assert abs(far - expected) < 0.02 * max(1, expected) and run['differs'] == 0, (far, expected)"
}
distance 1 || fail "live bytes of equal buffers"
distance 2 || fail "live bytes of buffers twice as large"
distance 3 || fail "live bytes of buffers three times as large"
