# Every member of the JSON that plan, devices, replay, the model and compare write is in the documentation of that verb.
need python3
gpualloc record --softgpu -o T -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"
gpualloc replay T --softgpu --runs 2 --json result.json >/dev/null 2>&1 || fail "replaying"
gpualloc replay T --softgpu --translate standard --json translated.json >/dev/null 2>&1 || fail "replaying standard allocations"
gpualloc replay T --softgpu --max-time 0.000001 --json ended.json >/dev/null 2>&1 && fail "the time was not over"
gpualloc replay T --backend sim --vram search --json model.json >/dev/null || fail "the model"
gpualloc compare result.json result.json --json comparison.json >/dev/null || fail "comparing"
gpualloc plan T --softgpu --json >plan.json && gpualloc plan T --calls >calls.jsonl || fail "planning"
gpualloc devices --softgpu --json >devices.json || fail "devices"

python3 - "$SOURCE/docs" <<'END' || fail "a member is not documented"
import json
import re
import sys

def members(value, path=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield path, name
            yield from members(inner, path + "." + name)
    elif isinstance(value, list):
        for inner in value:
            yield from members(inner, path)

def words_of(*pages):
    """All names between backquotes; a fence is no backquote."""
    text = "".join(re.sub(r"```.*?```", "", open(f"{sys.argv[1]}/{page}").read(), flags=re.S) for page in pages)
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]*)`", text))))

# Members of these are named by what they count: calls, reasons, origins, facts.
counted = (".translated", ".sizes", ".skipped", ".waits", ".populated", ".differences")
cases = {"result.json": ["replay.md", "compare.md"], "translated.json": ["replay.md", "compare.md"],
         "ended.json": ["replay.md", "compare.md"], "model.json": ["sim.md"], "comparison.json": ["compare.md"],
         "plan.json": ["plan.md", "replay.md"], "calls.jsonl": ["plan.md"], "devices.json": ["replay.md"]}
missing = set()
for file, pages in cases.items():
    known, seen = words_of(*pages), 0
    for line in open(file).read().splitlines() if file.endswith("l") else [open(file).read()]:
        for path, name in members(json.loads(line)):
            seen += 1
            if name not in known and not path.endswith(counted):
                missing.add(f"{file}: {path}.{name} is not in {' or '.join(pages)}")
    assert seen > 10, file
print("\n".join(sorted(missing)))
sys.exit(bool(missing))
END
