# The oracle is the client: what d3dkmt_scene logged by itself of every call, failing ones included, is what list says, byte by
# byte; through the thunks and by ioctl. And the oracle sees a difference when there is one.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need python3
oracle=$SOURCE/tests/e2e/oracle.py

record_scene() { # NAME [option of the scene…]
    local name=$1; shift
    expect_status 0 gpualloc record --softgpu -o "$name" -- d3dkmt_scene --log "$name.log" "$@"
    expect_status 0 gpualloc list --format jsonl --blobs hex "$name"
    cp "$stdout" "$name.jsonl"
}

record_scene thunks
python3 "$oracle" thunks.log thunks.jsonl || fail "the recording is not what the client did (thunks)"
record_scene ioctl --ioctl
python3 "$oracle" --ioctl ioctl.log ioctl.jsonl || fail "the recording is not what the client did (ioctl)"

# Every surface is named in the recording.
python3 - thunks.jsonl <<'EOF' || fail "surfaces are missing or not distinct"
import json, sys
calls = [json.loads(line) for line in open(sys.argv[1])]
made = [call["hPrivateRuntimeResourceHandle"] for call in calls if call["event"] == "d3dkmt:create_allocation" and call["status"] == 0]
sys.exit(0 if len(made) > 15 and len(set(made)) == len(made) and 0 not in made else 1)
EOF

# One changed digit anywhere is found: a result, a member, an element, private data.
for change in 's/"ret":0/"ret":1/' 's/"VidPnSourceId":3/"VidPnSourceId":4/' 's/53475055/53475056/' 's/"Priority":/"Prioritx":/' \
    's/"errno":22/"errno":2/' 's/"Value_names":\["I/"Value_names":["X/' 's/"NumAdapters_out":1/"NumAdapters_out":2/'; do
    name=ioctl
    sed "0,/$(echo "$change" | cut -d/ -f2)/$change" $name.jsonl >changed.jsonl
    ! cmp -s $name.jsonl changed.jsonl || fail "nothing to change: $change"
    ! python3 "$oracle" --ioctl $name.log changed.jsonl >/dev/null 2>&1 || fail "the oracle does not see $change"
done
