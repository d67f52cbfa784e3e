# Two processes hold the same buffers: each is counted once in all, and exclusive, shared and imported bytes are told apart, for the
# device and for each process. A dma-buf imported twice is one handle, and a buffer lives on when its maker gives it up first.
need python3
need_built libgpualloc-trace.so libfake-drm.so drm_two_processes
export GPUALLOC_FAKE_DRM="vgem virtio_gpu"
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"

for node in /dev/dri/card0 /dev/dri/card1; do
    trace=${node##*/}
    $fake gpualloc record -o "$trace" -- drm_two_processes $node >scene.out 2>&1 || fail "$node: $(cat scene.out)"
    gpualloc list --format jsonl --events "$trace" >list.jsonl 2>/dev/null
    gpualloc report --json "$trace" >report.json
    python3 "$SOURCE/tests/e2e/report-recompute.py" list.jsonl report.json || fail "$node: a figure of the report differs"
    python3 - <<'PY' || fail "$node: $(cat report.json)"
import json
report = json.load(open("report.json"))
PAGE = 4096
holders = {(h["holder"], h.get("name", "").split(" (")[0]): h for h in report["holder"]}
processes = [h for h in report["holder"] if h["holder"] == "process"]
parent = next(h for h in processes if h["exclusive"]["buffers"])
child = next(h for h in processes if h is not parent)
every = report["holder"][0]
device = next(h for h in report["holder"] if h["holder"] == "device")

def figures(holder):
    return [(holder[part]["buffers"], holder[part]["peak_bytes"] // PAGE) for part in ("total", "exclusive", "shared", "imported")]

# 1, 2, 4 and 8 pages, of which three are exported and two imported. The device has both files, so that nothing is imported there.
assert len(processes) == 2 and parent["pid"] != child["pid"], processes
for holder in (every, device, parent):
    assert figures(holder) == [(4, 15), (4, 15), (3, 7), (0, 0)], (holder["holder"], figures(holder))
assert figures(child) == [(2, 3), (0, 0), (0, 0), (2, 3)], figures(child)
assert all(h[part]["at_end"] == 0 for h in report["holder"] for part in ("total", "exclusive", "shared", "imported"))
memory = report["summary"]["memory"]
assert memory["made"] == 4 and memory["imported"] == 2 and memory["peak_bytes"] == 15 * PAGE, memory
PY
    expect_status 0 gpualloc report --by holder "$trace"
    expect_stdout '^  drm_two_processes \([0-9]+\) +4 +60 KiB +60 KiB +28 KiB +-'
    expect_stdout '^  drm_two_processes \([0-9]+\) +2 +12 KiB +- +- +12 KiB'
done
