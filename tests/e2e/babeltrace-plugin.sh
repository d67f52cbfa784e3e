# labels: analyzer
# The babeltrace2 plugin: sink.gpualloc.report says what `gpualloc report` says, from a trace and live; filter.gpualloc.allocations
# gives each allocation once; both explain themselves and refuse what they do not know.
need_built d3dkmt_scene d3dkmt_churn annotate_surfaces babeltrace2/plugins/babeltrace-plugin-gpualloc.so
need babeltrace2 lttng-relayd lttng

set_preloads
bt() { env LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=0 BABELTRACE_PLUGIN_PATH="$BUILD/lib/babeltrace2/plugins" babeltrace2 "$@"; }
same_report() { # same_report TRACE: both say the same, but for where the trace is
    gpualloc report "$1" | sed "s,\b$1\b *,TRACE ,g; s/ *$//; s/  */ /g" >verb.txt
    bt "$1" -c sink.gpualloc.report | sed "s,TRACE *,TRACE ,g; s/ *$//; s/  */ /g" >sink.txt
    cmp verb.txt sink.txt || fail "text of $1: $(diff verb.txt sink.txt)"
    gpualloc report --json "$1" | grep -v '"trace":' >verb.json
    bt "$1" -c sink.gpualloc.report -p 'format="json",output="sink.json"'
    grep -v '"trace":' sink.json | cmp - verb.json || fail "JSON of $1"
}

expect_status 0 gpualloc record --softgpu -o scene -- d3dkmt_scene
expect_status 0 gpualloc record --softgpu -o names -- annotate_surfaces # names and sizes that are told after birth
same_report scene
same_report names
bt scene -c sink.gpualloc.report -p 'learn=no,format="json"' | grep -v '"trace":' >early.json
gpualloc report --json scene | grep -v '"trace":' | cmp - early.json || fail "a trace that tells all at birth, without learning"

# Each allocation once: the figures of the whole.
bt scene -c filter.gpualloc.allocations -c sink.text.details >details.txt
bt scene --no-delta --clock-seconds -c filter.gpualloc.allocations >events.txt
gpualloc report --json scene >scene.json
python3 - <<'E2' || fail "the filter's events are not what the report counts"
import json, re
memory = json.load(open("scene.json"))["summary"]["memory"]
events = [line for line in open("events.txt") if "gpualloc:allocation:" in line]
made = [e for e in events if "imported = false" in e]
size = lambda e: int(re.search(r"\bsize = (\d+)", e)[1])
assert len(made) == memory["made"] > 3, (len(made), memory["made"])
assert sum(map(size, made)) == memory["bytes_made"], (sum(map(size, made)), memory["bytes_made"])
assert any('end = "freed"' in e for e in made)
E2
grep -q 'surface: ' details.txt || fail "no details"

# Texts, and refusals with their reason.
grep -q 'analyses  string' < <(bt help sink.gpualloc.report) || fail "no help of the sink"
grep -q 'lifetime_ns' < <(bt help filter.gpualloc.allocations) || fail "no help of the filter"
for wrong in 'analyses="surfac"' 'format="xml"' 'top=0' 'colour=yes' 'output="/nowhere/x"'; do
    ! bt scene -c sink.gpualloc.report -p "$wrong" >out 2>err || fail "took $wrong"
    grep -Eq "parameter '${wrong%%=*}'|/nowhere/x: No such file" err || fail "no reason against $wrong: $(tail -3 err)"
done
! bt scene -c filter.gpualloc.allocations -p a=1 >out 2>err || fail "the filter took a parameter"

# Live: a session's events as they come, reported when it ends.
listens() { (echo >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
ready_or_gone() { ! alive $relayd || { listens "$control" && listens "$data" && listens "$live"; }; }
for attempt in {1..10}; do # somebody may take a port that was free a moment ago
    read -r control data live < <(python3 -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(s.getsockname()[1] for s in sockets))')
    lttng-relayd --control-port=tcp4://127.0.0.1:"$control" --data-port=tcp4://127.0.0.1:"$data" \
        --live-port=tcp4://127.0.0.1:"$live" --output="$work/relayed" >relayd.log 2>&1 &
    relayd=$!
    wait_until 30 ready_or_gone
    ! alive $relayd || break
done
alive $relayd || fail "no relay daemon: $(cat relayd.log)"
lttng create live --live=200000 --ctrl-url=tcp4://127.0.0.1:"$control" --data-url=tcp4://127.0.0.1:"$data" >lttng.log
lttng enable-event --userspace 'gpualloc:*,d3dkmt:*,drm:*' >>lttng.log
lttng start >>lttng.log
# babeltrace2 2.0's source.ctf.lttng-live can crash when metadata comes while it reads. All of it is there when it begins: a first
# program has brought the event classes.
gpualloc run --softgpu -- true
event_classes() {
    babeltrace2 --output-format=ctf-metadata "$(dirname "$(find "$1" -name metadata)")" 2>/dev/null | grep -c '^event {'
}
expected=$(event_classes scene)
all_classes() { [ "$(event_classes relayed)" = "$expected" ]; }
wait_until 10 all_classes
bt -i lttng-live "net://127.0.0.1:$live/host/$(hostname)/live" -c sink.gpualloc.report -p 'format="json"' >live.json 2>live.err &
viewer=$!
watched() { babeltrace2 -i lttng-live "net://127.0.0.1:$live" >sessions.txt 2>&1 && grep -q ' 1 client' sessions.txt; }
wait_until 10 watched
gpualloc run --softgpu -- d3dkmt_scene >/dev/null
sleep 1
lttng destroy >>lttng.log
wait $viewer || fail "the live viewer: $(tail -5 live.err)"
kill $relayd; wait $relayd || true
python3 - <<'E2' || fail "the live report is not the recording's"
import json
live, recorded = (json.load(open(f"{name}.json"))["summary"]["memory"] for name in ("live", "scene"))
assert {k: live[k] for k in ("made", "bytes_made")} == {k: recorded[k] for k in ("made", "bytes_made")}, (live, recorded)
E2
