# Two threads that free what the other made, replayed a thousand times as fast as possible: no call is issued before what it needs, says
# a program of its own from the issue log. The log of some of these runs with two calls' times exchanged is found.
need_built make-trace libfake-drm.so
need python3
tools=$SOURCE/tests/tools
runs=${E2E_ORDER_RUNS:-1000}

make-trace --interface dumb --calls 400 --threads 2 --cross 1 --inversions 20 --live 5 T >/dev/null
expect_status 0 gpualloc replay T --backend null --runs "$runs" --issue-log log
expect_status 0 python3 "$tools/check-order" T log
expect_stdout "^$runs runs, $((400 * runs)) calls issued, .* 0 violations$"
echo "null: $(cat "$stdout")"

# a buffer is closed by one thread when the other has just made it: their times are exchanged
python3 - <<'END'
import itertools
import json
calls = {}
for line in __import__("os").popen("gpualloc list --format jsonl T 2>/dev/null"):
    o = json.loads(line)
    calls[(o["thread"], o["call"])] = o
made, pair = {}, None
for key, o in calls.items():
    if o["event"] == "drm:mode_create_dumb":
        made[o["handle"]] = key
    elif made.get(o["handle"], key)[0] != key[0]:
        pair = (made[o["handle"]], key)
        break
entries = [json.loads(line) for line in itertools.islice(open("log"), 5 * len(calls))]
first = {(e["thread"], e["call"]): e for e in entries if e["run"] == 1}
a, b = (first[key] for key in pair)
for name in ("begin_ns", "end_ns"):
    a[name], b[name] = b[name], a[name]
with open("broken", "w") as out:
    out.writelines(json.dumps(e) + "\n" for e in entries)
END
expect_status 1 python3 "$tools/check-order" T broken
expect_stdout '^run 1: .* was issued '
! grep -q '^run [^1]' "$stdout" || fail "in other runs: $(cat "$stdout")"

# on devices that take their time: softgpu, and fake DRM devices
expect_status 0 gpualloc record --softgpu -o S -- d3dkmt_scene --flat-out 300 --threads 2
expect_status 0 gpualloc replay S --softgpu --runs 20 --issue-log log
expect_status 0 python3 "$tools/check-order" S log
echo "softgpu: $(cat "$stdout")"
