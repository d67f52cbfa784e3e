# Each recorded process of DRM calls is a process of the replay's again, with files of its own: dma-bufs that went over a socket are had
# from the process that made them, and closed by it when nobody needs them. Those that share an open file stay one process. When one of
# them is killed, or the replay is stopped, all end, the status says so, and nothing stays.
need_built libgpualloc-trace.so libfake-drm.so drm_frames
need python3 pgrep
export GPUALLOC_FAKE_DRM="vgem virtio_gpu" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

record_frames() { # NAME FRAMES [inherit]
    expect_status 0 $fake gpualloc record -o "$1" -- drm_frames /dev/dri/card0 "${@:2}"
    rm -f "$GPUALLOC_FAKE_DRM_LOG"
}
pids_of() { gpualloc list --format jsonl "$1" 2>/dev/null | grep -o '"pid":[0-9]*' | sort -u | wc -l; }

record_frames T 40
record_frames shared 40 inherit
for trace in T shared; do
    for node in card0 card1; do
        expect_status 0 $fake gpualloc replay "$trace" --device /dev/dri/$node --runs 2 --loops 3 --json r.json
        nothing_stays
        python3 - $trace <<'END' || fail "$trace on $node"
import json, sys
result = json.load(open('r.json'))
assert result['processes'] == {'T': 2, 'shared': 1}[sys.argv[1]], result['processes']
runs = result['runs']
assert len(runs) == 2 and all(run['complete'] for run in runs), runs
for run in runs:
    assert [run['skipped'], run['differs'], run['order_violations']] == [{}, 0, 0], run
    assert run['fidelity']['answered'] == 1, run
END
    done
done

# No more memory is needed than was recorded: what nobody needs any more its maker closes, before it makes more.
export GPUALLOC_FAKE_DRM_BYTES=65536
expect_status 0 $fake gpualloc replay T --device /dev/dri/card0 --json r.json
unset GPUALLOC_FAKE_DRM_BYTES
python3 -c "import json; assert json.load(open('r.json'))['runs'][0]['fidelity']['answered'] == 1" || fail 'more than four buffers'

# Two processes for two, each as it was recorded; one for those that are bound by a file, and for all with --lanes 1
expect_status 0 $fake gpualloc record -o again -- gpualloc replay T --device /dev/dri/card0
assert_eq 2 "$(pids_of again)" 'processes'
for trace in T again; do gpualloc list --format jsonl "$trace" >"$trace.jsonl" 2>/dev/null; done
python3 - <<'END' || fail "the replay's processes"
import collections, json
def processes(name):
    calls = collections.defaultdict(list)
    for line in open(name):
        call = json.loads(line)
        if call['request'] not in ('mmap', 'munmap'):  # a descriptor that was fetched is unknown to the tracer until it is named
            calls[call['pid']].append((call['request'], call['ret'], call.get('handle')))
    return sorted(calls.values())
recorded, replayed = processes('T.jsonl'), processes('again.jsonl')
assert recorded == replayed, (recorded, replayed)
END
expect_status 0 $fake gpualloc record -o again-shared -- gpualloc replay shared --device /dev/dri/card0
assert_eq 1 "$(pids_of again-shared)" 'processes that share a file'
expect_status 0 $fake gpualloc record -o folded -- gpualloc replay T --device /dev/dri/card0 --lanes 1
assert_eq 1 "$(pids_of folded)" 'processes with --lanes 1'

# A replay that lasts until it is ended; its workers are its children.
slow_replay() {
    rm -f "$GPUALLOC_FAKE_DRM_LOG"
    start_workers $fake gpualloc replay T --device /dev/dri/card0 --speed 0.000001x --json r.json
}

slow_replay
kill_worker 2

slow_replay
kill -TERM $replay
ended_with 143
nothing_stays stopped

slow_replay
kill -KILL $replay
ended_with 137
