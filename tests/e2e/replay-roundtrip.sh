# Recording a replay gives the original calls again, up to handle values and times: failing calls, private data, and threads too.
need python3

record() { gpualloc record --softgpu -o "$@" >"$1.out" 2>"$1.err" || fail "recording $1: $(cat "$1.out" "$1.err")"; }
same() { python3 "$SOURCE/tests/e2e/same_calls.py" "$1" "$2" || fail "$1 and $2 are not the same calls"; }

record scene -- d3dkmt_scene
record again -- gpualloc replay scene --softgpu
gpualloc list --format jsonl scene >scene.jsonl
gpualloc list --format jsonl again >again.jsonl
same scene.jsonl again.jsonl
grep -q ' 0 answered otherwise than recorded, 0 out of order' again.out || fail "the replay differs: $(cat again.out)"

# and the replay of the replay
record third -- gpualloc replay again --softgpu
gpualloc list --format jsonl third >third.jsonl
same scene.jsonl third.jsonl

# The comparison can fail: one byte of private data, one size, one call less.
sed '0,/"hPrivateRuntimeResourceHandle":1/s//"hPrivateRuntimeResourceHandle":9/' scene.jsonl >changed.jsonl
python3 "$SOURCE/tests/e2e/same_calls.py" scene.jsonl changed.jsonl >/dev/null 2>&1 && fail "a changed member was not seen"
sed '$d' scene.jsonl >shorter.jsonl
python3 "$SOURCE/tests/e2e/same_calls.py" scene.jsonl shorter.jsonl >/dev/null 2>&1 && fail "a missing call was not seen"
true
