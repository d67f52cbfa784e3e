# What a program does with its memory on softgpu is in the recording and is replayed: residency with fences that take their time,
# GPU addresses, locks, offers; and a budget that is too small is told.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need python3

record() { # NAME [VARIABLE=VALUE…]
    local name=$1; shift
    expect_status 0 env "$@" gpualloc record --softgpu -o "$name" -- d3dkmt_scene
    expect_status 0 gpualloc list --format jsonl "$name"
    cp "$stdout" "$name.jsonl"
}

record slow GPUALLOC_SOFTGPU_PAGING=20ms
python3 - slow.jsonl <<'EOF_PYTHON' || fail "the recording does not show what the program did"
import json, sys
calls = [json.loads(line) for line in open(sys.argv[1])]

def of(event):
    return [(i, call) for i, call in enumerate(calls) if call["event"] == "d3dkmt:" + event]

# 259 (STATUS_PENDING), and the next call only comes when the fence, which the program polls in memory, has been reached.
pending = [(i, call) for event in ("make_resident", "map_gpu_virtual_address") for i, call in of(event) if call["status"] == 259]
assert [call["PagingFenceValue"] for _, call in sorted(pending, key=lambda found: found[0])] == [1, 2, 3], pending
for i, call in pending:
    assert int(calls[i + 1]["ts"]) - int(call["ts"]) >= 20_000_000, (call, calls[i + 1])

(_, reserve), = of("reserve_gpu_virtual_address")
(_, first), (_, second), (_, refused) = of("map_gpu_virtual_address")
assert reserve["VirtualAddress"] >= 1 << 32 and reserve["VirtualAddress"] % 65536 == 0, reserve
assert first["VirtualAddress"] == first["BaseAddress"] == reserve["VirtualAddress"] + (1 << 20), first
assert second["VirtualAddress"] not in (0, first["VirtualAddress"]), second
assert refused["status"] == 0xc000000d and "VirtualAddress" not in refused, refused
assert [call["status"] for _, call in of("free_gpu_virtual_address")] == [0, 0xc000000d]
locks = [call for _, call in of("lock2")]
assert len(locks) == 2 and all(call["pData"] and call["status"] == 0 for call in locks), locks
assert [call["status"] for _, call in of("unlock2")] == [0, 0, 0xc000000d]
(_, offer), = of("offer_allocations")
(_, reclaim), = of("reclaim_allocations2")
assert offer["HandleList"] == reclaim["HandleList"] and reclaim["pResults"] == [0, 0], (offer, reclaim)
EOF_PYTHON

# Replayed on a device where paging takes time as well, its fences are awaited and the calls are the same again.
expect_status 0 env GPUALLOC_SOFTGPU_PAGING=20ms gpualloc record --softgpu -o again -- gpualloc replay slow --softgpu
grep -q ' 0 answered otherwise than recorded, 0 out of order' "$stdout" || fail "the replay differs: $(cat "$stdout")"
expect_status 0 gpualloc list --format jsonl again
cp "$stdout" again.jsonl
python3 "$SOURCE/tests/e2e/same_calls.py" slow.jsonl again.jsonl || fail "the replay made other calls"

# With a budget below what the program asks for, MakeResident fails, and the recording says so.
record poor GPUALLOC_SOFTGPU_LOCAL_BUDGET=1M
grep -q '"event":"d3dkmt:make_resident".*"status":3221225495' poor.jsonl || # STATUS_NO_MEMORY
    fail "MakeResident over budget: $(grep make_resident poor.jsonl)"
