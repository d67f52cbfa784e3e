# Whatever ends a replay or goes wrong in it, the results so far are written and say so, and the exit status says which.
need python3
gpualloc record --softgpu -o T -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"

said() { # PYTHON-EXPRESSION over r, the result, and runs
    python3 -c "import json; r = json.load(open('r.json')); runs = r['runs']; assert $1, r" || fail "r.json: $1"
}

expect_status 0 gpualloc replay T --softgpu --require-fidelity 50% --json r.json
said "r['complete'] and r['benchmark'] and 0.5 < r['fidelity'] <= 1 and r['ended_by'] is None"
said "runs[0]['complete'] and runs[0]['fidelity']['answered'] == 1"
said "runs[0]['fidelity']['issue_error'] is None and runs[0]['fidelity']['live_bytes_distance'] < 0.5 and r['engine_ns_per_call'] > 0"

# The device is removed in the second run: the first is whole, and compared.
creates=$(gpualloc list --format jsonl T 2>/dev/null | grep -c '"event":"d3dkmt:create_allocation"')
expect_status 7 env GPUALLOC_SOFTGPU_FAULTS="CreateAllocation2:$((creates + 2)):remove" \
    gpualloc replay T --softgpu --runs 5 --json r.json
expect_stderr 'was removed'
expect_stdout 'incomplete: the device was removed; not called a benchmark'
said "not r['complete'] and r['ended_by'] == 'device_removed' and not r['benchmark'] and [x['complete'] for x in runs] == [True, False]"
expect_status 0 gpualloc compare --threshold 1000 r.json r.json
expect_stdout 'n=1\+1'
expect_status 7 env GPUALLOC_SOFTGPU_FAULTS="CreateAllocation2:2:remove" gpualloc replay T --softgpu --json r.json
expect_status 1 gpualloc compare r.json r.json
expect_stderr 'none of its runs is whole'

# No memory for one create: the rest goes on; below the fidelity asked for it is no benchmark.
expect_status 8 env GPUALLOC_SOFTGPU_FAULTS="CreateAllocation2:2:0xC0000017" gpualloc replay T --softgpu --json r.json
expect_one_line_stderr
expect_stderr 'no memory for 1 creates'
said "r['complete'] and runs[0]['out_of_memory'] == 1 and runs[0]['failed_here'] == 1 and r['fidelity'] < 1"
expect_status 6 env GPUALLOC_SOFTGPU_FAULTS="CreateAllocation2:2:0xC0000017" \
    gpualloc replay T --softgpu --require-fidelity 0.9999 --json r.json
expect_one_line_stderr
expect_stderr 'below the 0.9999 asked for'
expect_stdout 'not called a benchmark'
said "r['complete'] and not r['benchmark'] and r['require_fidelity'] == 0.9999"

# A call that comes back neither by itself nor when it is interrupted
expect_status 9 env GPUALLOC_SOFTGPU_FAULTS="CreateAllocation2:3:1000s" gpualloc replay T --softgpu --patience 0.3 --json r.json
expect_stderr 'has not come back'
said "not r['complete'] and r['ended_by'] == 'hung' and runs[0]['issued'] > 0 and not runs[0]['complete']"

# The time is over: at a millionth of the speed, nothing would ever come to its end.
expect_status 10 gpualloc replay T --softgpu --speed 0.00001x --max-time 1 --json r.json
expect_stderr 'the time is over'
said "not r['complete'] and r['ended_by'] == 'time' and 'stopped' in runs[0]['skipped']"

# Other ways to issue
expect_status 0 gpualloc replay T --softgpu --speed real --lanes 1 --loops 3 --cpu-mask 0 --state warm --json r.json
expect_stdout 'speed real, 1 thread, 3 loops a run, state warm'
expect_stdout 'calls are off their time by'
said "r['speed'] == 'real' and r['threads'] == 1 and r['loops'] == 3 and r['cpus'] == [0] and r['state'] == 'warm' and r['warmup'] == 1"
said "runs[0]['issued'] == 3 * r['plan']['calls'] and runs[0]['fidelity']['issue_error']['p50_ns'] >= 0"
expect_status 0 gpualloc replay T --softgpu --state cold --runs 2 --json r.json
said "r['state'] == 'cold' and r['warmup'] == 0 and len(runs) == 2 and r['fidelity'] > 0.5"

# The issue log has each call of each run once.
expect_status 0 gpualloc replay T --softgpu --runs 2 --issue-log log --json r.json
python3 - <<'END' || fail "the issue log"
import json
lines = [json.loads(line) for line in open('log')]
result = json.load(open('r.json'))
assert len(lines) == 2 * result['plan']['calls'] and {line['run'] for line in lines} == {1, 2}
assert len({(line['run'], line['process'], line['thread'], line['call']) for line in lines}) == len(lines)
assert all(line['skip'] is None and 0 <= line['begin_ns'] <= line['end_ns'] and len(line['process']) == 16 for line in lines)
END
