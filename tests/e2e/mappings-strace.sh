# mmap of a device's descriptor is recorded as often as strace sees it, each with the handle that it is of; every mapping ends, and
# what is mapped of nothing that we know is not recorded.
need strace python3
export GPUALLOC_FAKE_DRM="virtio_gpu qxl"
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

for node in /dev/dri/card0 /dev/dri/card1; do
    trace=${node##*/}
    $fake strace -f -y -e trace=mmap,munmap -o strace.out gpualloc record -o "$trace" -- drm_scene $node >scene.out 2>&1 ||
        { grep -q 'ptrace\|PTRACE' scene.out && skip "strace may not trace here"; fail "$node: $(cat scene.out)"; }
    seen=$(grep -c "mmap(.*memfd:$node>" strace.out)
    [ "$seen" -gt 0 ] || fail "$node: the client mapped nothing"
    gpualloc list --format jsonl "$trace" >calls.jsonl 2>/dev/null
    python3 - "$seen" <<'PY' || fail "$node: $(grep -m 5 drm:m[mu] calls.jsonl)"
import json, sys
calls = [json.loads(line) for line in open("calls.jsonl")]
mapped = [call for call in calls if call["event"] == "drm:mmap" and int(call["file"], 16)]
assert len(mapped) == int(sys.argv[1]), (len(mapped), sys.argv[1])
assert all(call["ret"] == -1 or call["handle"] for call in mapped), "a mapping without its handle"
PY
    gpualloc report --json "$trace" >report.json
    python3 - "$seen" <<'PY' || fail "$node: $(cat report.json)"
import json, sys
mapping = json.load(open("report.json"))["mapping"]
assert mapping["made"] == mapping["ended"] == int(sys.argv[1]) and mapping["at_end"] == 0, mapping
PY
done
