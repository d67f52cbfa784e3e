# Each recorded process is a process of the replay's again: what one shared the other opens, by its own handles and descriptors. When
# one of them is killed, or the replay itself, all end and the status says so.
need_built d3dkmt_share libgpualloc-trace.so libgpualloc-softgpu.so
need python3 pgrep

export GPUALLOC_SOFTGPU_STATE=$work/gpu
expect_status 0 gpualloc record --softgpu -o T -- d3dkmt_share socket
expect_status 0 gpualloc record -o again -- gpualloc replay T --softgpu --runs 2 --json r.json
for trace in T again; do gpualloc list --format jsonl "$trace" >"$trace.jsonl" 2>/dev/null; done
python3 - <<'END' || fail "the replay's processes"
import collections, json
def processes(name):
    calls = collections.defaultdict(list)
    for line in open(name):
        call = json.loads(line)
        calls[call['pid']].append((call['event'], call['ret'], call.get('status')))
    return list(calls.values())
recorded, replayed = processes('T.jsonl'), processes('again.jsonl')
assert len(recorded) == 2 and len(replayed) == 4, (len(recorded), len(replayed))  # a worker each, in each of two runs
assert sorted(map(sorted, replayed)) == sorted(map(sorted, recorded * 2)), (recorded, replayed)
runs = json.load(open('r.json'))['runs']
assert all(run['complete'] and run['fidelity']['answered'] == 1 for run in runs), runs
END

# All of them on one thread, in one process
expect_status 0 gpualloc record -o folded -- gpualloc replay T --softgpu --lanes 1
gpualloc list --format jsonl folded 2>/dev/null | grep -o '"pid":[0-9]*' | sort -u >pids
assert_eq 1 "$(wc -l <pids)" 'processes with --lanes 1'

# A replay that lasts until it is ended; its workers are its children.
slow_replay() { start_workers gpualloc replay T --softgpu --speed 0.000001x --json r.json; }

slow_replay
kill_worker 1

slow_replay
kill -TERM $replay
ended_with 143

slow_replay
kill -KILL $replay
ended_with 137
