# What ends or limits a replay holds for several worker processes of DRM calls, too: states, --max-bytes, --max-time, a call that does
# not come back, SIGINT. Results so far are written whole, every file is closed, no worker stays. Global names lead from one worker's
# buffers to another's; of sync objects' descriptors that came over a socket the trace cannot say what they are.
need_built libgpualloc-trace.so libfake-drm.so drm_frames
need python3 pgrep
export GPUALLOC_FAKE_DRM="vgem virtio_gpu" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

# Python comes slowly, so all results are looked at together, at the end.
mkdir results
said() { # PYTHON-EXPRESSION over r, the result, and runs
    echo "${1//$'\n'/ }" >>claims
    mv r.json "results/$(wc -l <claims)"
}
whole="r['complete'] and all(run['complete'] and run['skipped'] == {} and run['differs'] == 0 for run in runs)"

expect_status 0 $fake gpualloc record -o T -- drm_frames /dev/dri/card0 20
expect_status 0 $fake gpualloc record -o names -- drm_frames /dev/dri/card0 20 names
rm -f fake.log
issue="$fake gpualloc replay T --device /dev/dri/card0" # start_workers sets replay

# Two buffers of 16 KiB are alive at once, each in another process at some time.
expect_status 0 $issue --json r.json --state warm --runs 2 --loops 2 --max-bytes 32768
nothing_stays
said "r['state'] == 'warm' and r['warmup'] == 1 and len(runs) == 2 and r['plan']['peak_bytes'] == 32768 and $whole"
expect_status 0 $issue --json r.json --state cold
files=$(grep -c ^closed fake.log)
nothing_stays
said "r['state'] == 'cold' and r['warmup'] == 0 and len(runs) == 1 and $whole"
expect_status 1 $issue --max-bytes 32767
expect_one_line_stderr
expect_stderr '32 KiB alive at once'

# A run that is stopped has closed as many files as a whole one.
all_closed() {
    assert_eq $files "$(grep -c ^closed fake.log)" 'files that were closed'
    nothing_stays stopped
}

# The time is over, with lanes that wait: for calls' times, a second each microsecond of the recording; or for a call.
expect_status 10 $issue --json r.json --speed 0.000001x --max-time 0.3
expect_one_line_stderr
all_closed
said "not r['complete'] and r['ended_by'] == 'time' and set(runs[0]['skipped']) == {'stopped'}"
expect_status 10 env GPUALLOC_FAKE_DRM_STUCK=0x2e:3 $issue --json r.json --max-time 0.3 --patience 1000
all_closed
said "r['ended_by'] == 'time' and set(runs[0]['skipped']) == {'stopped'}"

# An import that does not come back is interrupted, and what needs its buffer is not issued; the rest goes on. A machine that stalls
# for twice the patience makes that a call that could not be interrupted: then with more of it.
for patience in 1 10 60; do
    status=0
    rm -f fake.log
    GPUALLOC_FAKE_DRM_STUCK=0x2e:3 $issue --json r.json --patience $patience >out 2>err || status=$?
    ! grep -q 'nor could it be interrupted' err || continue
    break
done
assert_eq 9 $status "exit status ($(cat err))"
assert_match '^gpualloc replay: 1 calls had not come back in time and were interrupted$' "$(cat err)" stderr
nothing_stays
said "r['complete'] and runs[0]['skipped'] == {'stuck': 1, 'absent': 1} and runs[0]['differs'] == 0"
# One that cannot be interrupted is given up, and its worker killed.
expect_status 9 env GPUALLOC_FAKE_DRM_STUCK=0x2e:3:deaf $issue --json r.json --patience 0.1
expect_one_line_stderr
expect_stderr 'nor could it be interrupted'
said "not r['complete'] and r['ended_by'] == 'hung'"

# SIGINT while one worker is in such a call and the other waits for it: to the replay alone, and as from a terminal, to all. The first
# run was whole, and is a result.
for who in replay all; do
    rm -rf result fake.log
    mkdir result
    GPUALLOC_FAKE_DRM_STUCK=0x2e:23 start_workers env --default-signal=INT $issue --patience 1000 --runs 3 --issue-log result/log \
        --json result/r.json
    wait_until 30 grep -qs '^stuck' fake.log
    wait_until 30 has_workers # those of this run
    [ $who = replay ] || kill -INT $workers
    kill -INT $replay
    ended_with 130
    assert_eq 'gpualloc replay: stopped; what the run had made is freed' "$(cat err)" stderr
    grep -q 'it was interrupted' out || fail "$(cat out)"
    assert_eq 'log r.json' "$(echo $(ls -A result))" 'files of the result'
    logged=$(grep -c '"run":1,' result/log)
    assert_eq $((files + 2)) "$(grep -c ^closed fake.log)" 'files that were closed, two more for the other run'
    nothing_stays stopped
    mv result/r.json .
    said "r['ended_by'] == 'interrupted' and r['plan']['calls'] == $logged and 'stopped' in runs[1]['skipped'] and
        [run['complete'] for run in runs] == [True, False]"
done

# A name is there as long as its buffer has a handle: who closes the last one waits for those who open the buffer by the name.
expect_status 0 $fake gpualloc replay names --device /dev/dri/card0 --loops 20 --json r.json
nothing_stays
said "runs[0]['skipped'] == {'outside': 400, 'no_maker': 400} and runs[0]['differs'] == runs[0]['order_violations'] == 0"

python3 - <<'END' || fail 'a result'
import json
for number, claim in enumerate(open('claims'), 1):
    r = json.load(open(f'results/{number}'))
    assert r['processes'] == 2 and eval(claim, {'r': r, 'runs': r['runs']}), (claim, r)
END
