# What a recording needs and a device does not have is named before the run, a line each, with the peak of each class of memory: in a
# dry run, in the text and in the result. On fakes that have 64 MiB of device memory, 16 of which the CPU reaches.
need python3
drivers="amdgpu i915 xe nouveau radeon virtio_gpu"
export GPUALLOC_FAKE_DRM=$drivers
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
render() { echo /dev/dri/renderD$((128 + $1)); }
minor=0
for driver in $drivers; do
    case $driver in
    radeon | virtio_gpu) scene="drm_scene /dev/dri/card$minor" ;;
    *) scene="drm_native $(render $minor)" ;;
    esac
    $fake gpualloc record -o "$driver" -- $scene >scene.out 2>&1 || fail "$driver: recording: $(cat scene.out)"
    expect_status 0 $fake gpualloc replay "$driver" --dry-run
    cp "$stdout" "$driver.dry"
    expect_status 0 $fake gpualloc replay "$driver" --json "$driver.json"
    grep ' memory: at most ' "$driver.dry" >dry.lines || fail "$driver: the dry run says nothing of memory: $(cat "$driver.dry")"
    grep ' memory: at most ' "$stdout" >text.lines || fail "$driver: the text says nothing of memory"
    cmp dry.lines text.lines || fail "$driver: the dry run and the text differ"
    minor=$((minor + 1))
done
grep -Fxq '  local memory: at most 192 KiB alive at once, the largest buffer 128 KiB; the device has 64 MiB' amdgpu.dry ||
    fail "amdgpu: $(cat amdgpu.dry)"
python3 - <<'END' || fail "the peaks"
import json
K, M = 1 << 10, 1 << 20
# peak and largest of each class as the scenes make them, and what each fake has
expected = {
    'amdgpu': {'local': (192 * K, 128 * K, 64 * M), 'visible local': (128 * K, 128 * K, 16 * M),
               'system': (484 * K, 256 * K, 512 * M), 'coherent': (292 * K, 256 * K, 512 * M)},
    'i915': {'local': (1088 * K, 1024 * K, 64 * M), 'visible local': (64 * K, 64 * K, 16 * M), 'system': (36 * K, 20 * K, 512 * M)},
    'xe': {'local': (1088 * K, 1024 * K, 64 * M), 'visible local': (64 * K, 64 * K, 16 * M), 'system': (16 * K, 16 * K, 512 * M),
           'coherent': (16 * K, 16 * K, 512 * M)},
    'nouveau': {'local': (1088 * K, 1024 * K, 64 * M), 'visible local': (64 * K, 64 * K, None), 'system': (24 * K, 16 * K, 512 * M),
                'coherent': (8 * K, 8 * K, 512 * M)}}
for driver, classes in expected.items():
    result = json.load(open(f'{driver}.json'))
    found = {m['place']: (m['peak_bytes'], m['largest_bytes'], m.get('device_bytes')) for m in result['memory']}
    assert found == classes, (driver, found)
    assert result['limits'] == [], (driver, result['limits'])
assert {m['place'] for m in json.load(open('virtio_gpu.json'))['memory']} == {'system', 'coherent'}
END

# note NAME REGEX COMMAND…: it is on stderr before the run, in the text and in the result
note() {
    local regex=$1
    shift
    expect_status 0 "$@" --json noted.json
    expect_stderr "^gpualloc replay: note: $regex"
    expect_stdout "^  note: $regex"
    python3 -c 'import json, re, sys; assert any(re.match(sys.argv[1], l) for l in json.load(open("noted.json"))["limits"])' "$regex" ||
        fail "not in the result: $regex: $(cat noted.json)"
    expect_status 0 "$@" --dry-run
    expect_stderr "^gpualloc replay: note: $regex"
}
# a heap that is not there: a chip without memory of its own, verbatim and translated
export GPUALLOC_FAKE_DRM_INTEGRATED=1
note 'the recording has up to 1.06 MiB of local memory, and /dev/dri/card1 has none' $fake gpualloc replay i915
note '/dev/dri/renderD129 cannot be asked for local memory: 1 create there goes to system memory' \
    $fake gpualloc replay amdgpu --device "$(render 1)"
expect_status 1 $fake gpualloc plan i915 --device /dev/dri/card1
expect_stdout 'would not run: needs 1.06 MiB of local memory, the device has 0 B'
unset GPUALLOC_FAKE_DRM_INTEGRATED
expect_status 0 $fake gpualloc plan i915 --device /dev/dri/card1
expect_stdout 'would run'
expect_status 0 $fake gpualloc plan i915 --device /dev/dri/card1 --json
python3 -c 'import json, sys
d = json.load(sys.stdin)["device"]
assert d["would_run"] and d["memory"][0]["device_bytes"] == 64 << 20, d' <"$stdout" || fail "the plan's device"
note '/dev/dri/renderD133 cannot be asked for local memory: 1 create there goes to coherent memory' \
    $fake gpualloc replay nouveau --device "$(render 5)"
# blobs: a host that takes none
note 'the recording makes [0-9]* blob resources, and the host of /dev/dri/card5 takes none' \
    env GPUALLOC_FAKE_DRM_NO_BLOBS=1 $fake gpualloc replay virtio_gpu
