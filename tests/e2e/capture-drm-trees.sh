# Arguments that are trees (parts at addresses in an array, chains of extensions, arrays in arrays) come back from the trace as the
# program built them, with nothing lost; and lives are told of the buffers that such calls make.
need python3
need_built drm_trees libfake-drm.so
export GPUALLOC_FAKE_DRM="amdgpu i915 xe"
set_preloads
fake="env LD_PRELOAD=$runtime$BUILD/lib/libfake-drm.so"
expect_status 0 $fake gpualloc record -o trace -- drm_trees
gpualloc list --format jsonl trace >list.jsonl 2>list.err
grep -q '0 elements and 0 blobs missing' list.err || [ ! -s list.err ] || fail "something was lost: $(cat list.err)"
python3 - <<'END'
import json
calls = {}
for line in open("list.jsonl"):
    call = json.loads(line)
    calls.setdefault(call["request"], []).append(call)

def same(found, expected, where):
    if isinstance(expected, dict):
        for name, value in expected.items():
            same(found[name], value, where + "." + name)
    elif isinstance(expected, list):
        assert len(found) == len(expected), (where, found)
        for i, value in enumerate(expected):
            same(found[i], value, "%s[%d]" % (where, i))
    else:
        assert found == expected, (where, found, expected)

same(calls["AMDGPU_GEM_CREATE"][0], {"in": {"bo_size": 65536, "domains": 4}, "out": {"handle": 1}}, "create")
same(calls["AMDGPU_CS"][0]["in"]["chunks_list"], [
    {"chunk_id": 1, "ib": [{"va_start": 0x1000, "ib_bytes": 16}]},
    {"chunk_id": 4, "syncobj_in": [{"handle": 21}, {"handle": 22}, {"handle": 23}]},
    {"chunk_id": 6, "bo_handles": {"bo_number": 2, "bo_info": [
        {"bo_handle": 1, "bo_priority": 5}, {"bo_handle": 1, "bo_priority": 6}]}},
    {"chunk_id": 5, "syncobj_out": [{"handle": 24}]},
    {"chunk_id": 1, "ib": [{"va_start": 0x2000, "ib_bytes": 32}]}], "cs")
same(calls["I915_GEM_CREATE_EXT"][0], {"size": 4096, "size_out": 65536, "extensions": [
    {"name": 0, "memory_regions": {"num_regions": 2, "regions": [{"memory_class": 1}, {"memory_class": 0}]}},
    {"name": 2, "set_pat": {"pat_index": 3}}]}, "create_ext")
same(calls["XE_VM_BIND"], [
    {"num_binds": 1, "bind": {"addr": 0x1000, "range": 0x2000, "op": 1}, "syncs_list": [{"handle": 9, "flags": 1}]},
    {"num_binds": 2, "binds": [{"addr": 0x3000}, {"addr": 0x4000}], "syncs_list": []}], "bind")
END
expect_status 0 gpualloc info trace
expect_status 0 gpualloc report --json trace
expect_stdout '131072' # two buffers of 64 KiB, the second one's size as the driver rounded it
