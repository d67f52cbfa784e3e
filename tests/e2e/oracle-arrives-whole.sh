# The largest calls arrive whole: 1024 allocations with 32 bytes of private data each, and one with a block of 100 KiB.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need python3

expect_status 0 gpualloc record --softgpu -o T -- d3dkmt_scene --big --log client.log
expect_status 0 gpualloc list --format jsonl --blobs hex T
cp "$stdout" T.jsonl
python3 "$SOURCE/tests/e2e/oracle.py" client.log T.jsonl || fail "the recording is not what the client did"
python3 - T.jsonl <<'EOF' || fail "the large calls are not there"
import json, sys
creates = [call for call in map(json.loads, open(sys.argv[1])) if call["event"] == "d3dkmt:create_allocation"]
data = [[element["pPrivateDriverData"] for element in call["allocations"]] for call in creates]
sizes = [[len(text) // 2 for text in texts] for texts in data]
sys.exit(0 if sizes == [[32] * 1024, [100 * 1024]] and len(set(data[0])) == 1024 else 1)
EOF
