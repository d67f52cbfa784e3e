# The drivers that no machine of ours has, on their fakes: address spaces, contexts, lists, waits and the program's own memory are
# recorded, replayed and recorded again; the calls are the same but for the submissions, which are never issued.
need python3
drivers="amdgpu i915 xe nouveau"
export GPUALLOC_FAKE_DRM=$drivers GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
declare -A unissued=([amdgpu]="drm:amdgpu_cs drm:amdgpu_wait_cs" [i915]=drm:i915_gem_execbuffer2 [xe]=drm:xe_exec
                    [nouveau]=drm:nouveau_exec)
declare -A reasons=([amdgpu]="commands 1 no_signal 1" [i915]="commands 1" [xe]="commands 1" [nouveau]="commands 1")

minor=0
for driver in $drivers; do
    $fake gpualloc record -o "$driver" -- drm_native /dev/dri/renderD$((128 + minor)) >scene.out 2>&1 ||
        fail "$driver: recording: $(cat scene.out)"
    rm -f fake.log
    GPUALLOC_FAKE_DRM_IDS=100 $fake gpualloc record -o "$driver-again" -- gpualloc replay "$driver" --json "$driver.json" \
        >again.out 2>again.err || fail "$driver: replaying: $(cat again.out again.err)"
    python3 - "$driver.json" ${reasons[$driver]} <<'END' || fail "$driver: the result: $(cat "$driver.json")"
import json, sys
run = json.load(open(sys.argv[1]))['runs'][0]
reasons = dict(zip(sys.argv[2::2], map(int, sys.argv[3::2])))
assert run['skipped'] == reasons and run['differs'] == 0 and run['order_violations'] == 0, run
END
    grep -q "backend $driver has never run on hardware" again.out || fail "$driver: it says no word of hardware: $(cat again.out)"
    ! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "$driver: something was left open"
    gpualloc list --format jsonl "$driver" >a.jsonl 2>/dev/null
    gpualloc list --format jsonl "$driver-again" >b.jsonl 2>/dev/null
    python3 "$SOURCE/tests/e2e/same_calls.py" a.jsonl b.jsonl ${unissued[$driver]} || fail "$driver: not the same calls"
    minor=$((minor + 1))
done
