# labels: analyzer
# Time to resident: of each MakeResident that had something to bring in the fence is seen there, and report tells how long it took;
# what was resident already is said to be so at once. Recomputed from list.
need python3
need_built dxg_resident libgpualloc-trace.so libgpualloc-softgpu.so

expect_status 0 gpualloc record --softgpu -o T -- dxg_resident 20
gpualloc list --format jsonl --events T >list.jsonl 2>/dev/null
gpualloc report --json T >report.json
python3 "$SOURCE/tests/e2e/report-recompute.py" list.jsonl report.json || fail "a figure of the report differs"
python3 - <<'PY' || fail "the report does not tell the time to resident: $(cat report.json)"
import json, sys
kinds = {kind["event"]: kind for kind in json.load(open("report.json"))["calls"]}
ready = kinds["d3dkmt:make_resident"]["ready"]
told = [json.loads(line) for line in open("list.jsonl") if "paging_fence" in line]
values = [fence["value"] for fence in told]
sys.exit(ready["at_once"] != 20 or ready["later"] != 20 or ready["not_seen"] or not 0 < ready["within_ns"]["max"] < 10 ** 10 or
         values != sorted(set(values)) or any(fence["lower_at"] > fence["seen_at"] for fence in told))
PY
expect_status 0 gpualloc report --by calls T
expect_stdout 'usable after D3DKMTMakeResident: 20 at once, 20 within p50 .*, 0 not seen'
