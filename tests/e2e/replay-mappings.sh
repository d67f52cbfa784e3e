# What a program maps, replay maps: the same length, protection and flags of the same buffer, from the same thread, and the same parts
# are unmapped again; what a forked child does to what it inherited is its own. Their cost is a row of the result. Nothing is left
# mapped. On another device the offset is that of the buffer that stands there; --populate touch maps besides.
need python3
export GPUALLOC_FAKE_DRM="virtio_gpu vgem nouveau" GPUALLOC_FAKE_DRM_LOG=$work/fake.log
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
$fake gpualloc record -o T -- drm_mappings /dev/dri/card0 >scene.out 2>&1 || fail "recording: $(cat scene.out)"
$fake gpualloc record -o N -- drm_mappings /dev/dri/card2 nouveau >scene.out 2>&1 || fail "recording: $(cat scene.out)"

# verbatim, and recorded again: the calls are the same, but for the child's and what a replay unmaps when it ends
rm -f fake.log
$fake gpualloc record -o again -- gpualloc replay T --json verbatim.json >again.out 2>again.err || fail "$(cat again.out again.err)"
! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "something was left open: $(cat fake.log)"
for trace in T again; do
    gpualloc list --format jsonl $trace >$trace.jsonl 2>/dev/null
done
python3 - <<'END' || fail "$(cat verbatim.json)"
import json
run = json.load(open('verbatim.json'))['runs'][0]
kinds = {}
for kind in run['kinds']:
    kinds[kind['kind']] = kinds.get(kind['kind'], 0) + kind['n']
assert run['skipped'] == {} and run['differs'] == 0 and run['order_violations'] == 0, run
assert (kinds['mmap'], kinds['munmap'], kinds['mremap']) == (5, 4, 1), kinds

def mappings(path):
    calls = [json.loads(line) for line in open(path)]
    own = calls[0]['process']
    return [[(c['event'],) + tuple(c.get(m) for m in ('length', 'prot', 'old_size', 'new_size')) +
             (c['flags'] & 3 if c['event'] == 'drm:mmap' else None,) for c in calls
             if c['event'] in ('drm:mmap', 'drm:munmap', 'drm:mremap') and c['process'] == own]][0]
recorded, replayed = mappings('T.jsonl'), mappings('again.jsonl')
page = 4096
# the anonymous memory that stood in a mapping's place is given back at once, and at the end what the program left
rest = [('drm:munmap', 16 * page, None, None, None, None)]
if recorded + rest != replayed:
    raise SystemExit('\n'.join(map(str, ['recorded', *recorded, 'replayed', *replayed])))
END

# --range begins after the mappings are made; --skip map leaves all of them out
expect_status 0 $fake gpualloc replay T --range 8.. --json range.json
grep -q '"differs": *0' range.json && ! grep -q '"absent"\|"no_maker"' range.json || fail "a range: $(cat range.json)"
expect_status 0 $fake gpualloc replay T --skip map --json skip.json
expect_status 1 grep -q '"kind" *: *"m[mu]' skip.json

# on others, by size and in another driver's words, also of a driver whose create gives the offset; and with pages brought in
for on in "T /dev/dri/card1" "T /dev/dri/card2" "N /dev/dri/card1" "N /dev/dri/card0" "T /dev/dri/card0 --populate touch"; do
    set -- $on
    $fake gpualloc list --format jsonl $1 2>/dev/null | grep -c '"event":"drm:mmap"' >count || true
    expect_status 0 $fake gpualloc replay $1 --device $2 ${3:-} ${4:-} --json on.json
    python3 - "$(cat count)" $1 <<'END' || fail "$on: $(cat on.json)"
import json, sys
run = json.load(open('on.json'))['runs'][0]
mapped = sum(k['n'] for k in run['kinds'] if k['kind'] == 'mmap')
assert mapped == int(sys.argv[1]) > 0 and run['differs'] == 0 and 'absent' not in run['skipped'], (mapped, sys.argv, run)
END
done
! grep -v 'exit with 0 files and 0 dma-bufs open\|^closed ' fake.log || fail "something was left open: $(cat fake.log)"
