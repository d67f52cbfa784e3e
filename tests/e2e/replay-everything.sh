# Each kind of D3DKMT call is recorded, replayed, and recorded again: the same calls, but for those that are skipped for a reason;
# nothing is left behind. Also of two processes that share.
need python3
record() { gpualloc record --softgpu -o "$@" >"$1.out" 2>"$1.err" || fail "recording $1: $(cat "$1.out" "$1.err")"; }
list() { gpualloc list --format jsonl "$1" >"$1.jsonl" 2>/dev/null; }
same() {
    python3 "$SOURCE/tests/e2e/same_calls.py" "$1.jsonl" "$2.jsonl" d3dkmt:escape d3dkmt:share_object_with_host ||
        fail "$1 and $2 are not the same calls"
}

for how in alone shared; do
    record "$how" -- dxg_everything $([ $how = alone ] || echo --share)
    record "$how-again" -- gpualloc replay "$how" --softgpu --json "$how.json"
    list "$how"
    list "$how-again"
    same "$how" "$how-again"
    python3 - "$how.json" "$how.jsonl" <<'P' || fail "$how: the result"
import json, sys
result = json.load(open(sys.argv[1]))
run = result['runs'][0]
assert set(run['skipped']) == {'effect'}, run['skipped']
assert run['differs'] == run['order_violations'] == run['remapped'] == 0, run
assert result['mode'] == 'verbatim' and result['placement'] == 'as recorded', result['mode']
moved = {k['kind']: k['time_to_resident'] for k in run['kinds'] if 'time_to_resident' in k}
assert {'make_resident', 'map_gpu_virtual_address'} <= set(moved), moved
assert all(f['n'] and f['p50_ns'] > 0 for f in moved.values()), moved
calls = [json.loads(line) for line in open(sys.argv[2])]
kinds = {c['event'].split(':')[1] for c in calls}
schema = open(__import__('os').environ['SOURCE'] + '/common/schema/d3dkmt.def').read()
import re
missing = set(re.findall(r'^CALL\((\w+)', schema, re.M)) - kinds
assert not missing, missing
failing = {c['event'].split(':')[1] for c in calls} - {c['event'].split(':')[1] for c in calls if not c['status'] & 0x80000000}
assert failing <= {'create_hw_context', 'destroy_hw_context', 'open_resource', 'query_resource_info', 'escape',
                   'share_object_with_host'}, failing
P
done
[ "$(python3 -c 'import json; print(len({json.loads(l)["process"] for l in open("shared.jsonl")}))')" = 2 ] || fail "not two processes"

# Paging that takes its time: whoever needs it waits, and it is seen in the figures.
GPUALLOC_SOFTGPU_PAGING=300ms gpualloc replay alone --softgpu --json slow.json >slow.out
python3 - alone.json slow.json <<'P' || fail "time to resident: $(cat slow.out)"
import json, sys
fast, slow = ({k['kind']: k for k in json.load(open(f))['runs'][0]['kinds']} for f in sys.argv[1:])
run = json.load(open(sys.argv[2]))['runs'][0]
assert run['differs'] == run['order_violations'] == 0 and set(run['skipped']) == {'effect'}, run
for kind in 'make_resident', 'map_gpu_virtual_address':
    assert fast[kind]['time_to_resident']['p50_ns'] < 300e6 <= slow[kind]['time_to_resident']['p50_ns'], kind
    assert slow[kind]['p50_ns'] < 300e6, kind  # the call itself does not wait
P
grep -q '^until it has taken effect' slow.out || fail "no time to resident: $(cat slow.out)"
gpualloc compare alone.json slow.json >/dev/null || fail "compare does not take the result"

# Standard allocations in their place: no private data reaches the device, and the two are not compared.
gpualloc replay alone --softgpu --translate standard --json standard.json >standard.out
grep -q 'standard, order memory' standard.out || fail "$(head -3 standard.out)"
grep -q 'lies in system memory' standard.out || fail "$(head -3 standard.out)"
[ "$(json "['runs'][0]['differs']" <(tr -d '\n' <standard.json))" = 0 ] || fail "standard allocations differ: $(cat standard.out)"
expect_status 1 gpualloc compare alone.json standard.json
expect_stderr 'verbatim.*standard'

# A recording of a DRM device: its buffers become standard allocations, its frees end them.
export GPUALLOC_FAKE_DRM=virtio_gpu
set_preloads
env LD_PRELOAD="$runtime$BUILD/lib/libfake-drm.so" gpualloc record -o drm -- drm_scene /dev/dri/card0 >drm.out 2>&1 ||
    fail "recording: $(cat drm.out)"
gpualloc replay drm --softgpu --json drm.json >drm.out
python3 - drm.json <<'P' || fail "DRM calls as standard allocations: $(cat drm.out)"
import json, sys
result = json.load(open(sys.argv[1]))
run = result['runs'][0]
assert result['mode'] == 'standard' and result['placement'] == 'system memory'
assert result['translated']['virtgpu_resource_create'] > 0 and result['translated']['gem_close'] > 0, result['translated']
assert run['differs'] == run['order_violations'] == 0 and set(run['skipped']) <= {'no_counterpart', 'no_maker', 'no_size'}, run
P
expect_status 1 gpualloc replay drm --softgpu --translate verbatim
expect_stderr 'a request of another interface'
