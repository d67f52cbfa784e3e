# Whatever ends a replay, all that it made is freed: a signal in the middle, and a device that goes out of memory.
export GPUALLOC_FAKE_DRM="virtio_gpu" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
$fake gpualloc record -o T -- drm_scene /dev/dri/card0 >/dev/null 2>&1 || fail "recording"
gpualloc record --softgpu -o S -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"

# A signal before the handlers are there would end it otherwise, or (SIGINT in the background) be ignored.
handles() { local caught; caught=$(sed -n 's/^SigCgt:\t//p' "/proc/$1/status") && (((0x$caught >> ($(kill -l "$2") - 1)) & 1)); }
interrupted() { # SIGNAL STATUS COMMAND…
    local signal=$1 expected=$2 status=0; shift 2
    rm -f fake.log
    "$@" >out 2>err &
    local pid=$!
    wait_until 60 handles $pid "$signal"
    sleep 0.5
    alive $pid || fail "it ended by itself: $(cat err)"
    kill -"$signal" $pid
    wait $pid || status=$?
    assert_eq "$expected" "$status" "exit status after SIG$signal"
    assert_eq 1 "$(wc -l <err)" "lines on stderr"
    grep -q 'stopped; what the run had made is freed' err || fail "stderr: $(cat err)"
    grep -q 'incomplete: it was interrupted; not called a benchmark' out || fail "results so far: $(cat out)"
    python3 - <<'END' || fail "r.json"
import json
result = json.load(open('r.json'))
assert not result['complete'] and result['ended_by'] == 'interrupted' and not result['benchmark'], result
assert all(run['complete'] for run in result['runs'][:-1])
END
    rm r.json
}
for signal in "INT 130" "TERM 143" "HUP 129"; do
    interrupted $signal $fake "$BUILD/bin/gpualloc" replay T --runs 90000 --json r.json
    assert_eq 'exit with 0 files and 0 dma-bufs open' "$(tail -1 fake.log)" "what is open at exit"
done
interrupted INT 130 gpualloc replay S --softgpu --runs 90000 --json r.json

# While a call waits in the device for a signal that failed in the replay
gpualloc record --softgpu -o W -- dxg_everything >/dev/null 2>&1 || fail "recording"
interrupted INT 130 env GPUALLOC_SOFTGPU_FAULTS=SignalSynchronizationObjectFromCpu:1:0xC000000D \
    gpualloc replay W --softgpu --json r.json

# Out of memory in the middle: what could not be made is counted, the rest goes on and is freed.
expect_status 8 env GPUALLOC_FAKE_DRM_BYTES=200000 $fake gpualloc replay T
expect_stdout 'skipped [0-9]+: its object could not be made in this run'
assert_eq 'exit with 0 files and 0 dma-bufs open' "$(tail -1 fake.log)" "what is open at exit"
