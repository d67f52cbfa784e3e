# Children, however made, are recorded as processes of their own: own pid, own instance, their parent's named, calls from 1 on.
#
# Fails without the cure: without the wrappers of fork, clone, daemon and forkpty LTTng's threads do not exist in the child and its
# events are lost or carry the parent's pid; without process_renew they carry the parent's instance; without the _exit in
# clone_started LTTng's threads keep a cloned child whose function has returned, and its parent waits for ever.
need_built killer_fork libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2

for how in fork clone daemon forkpty; do
    rm -f pids
    env LD_PRELOAD="$BUILD/lib/libgpualloc-softgpu.so" killer_fork $how "$PWD/pids"
    case $how in clone) lines=3 processes=2 ;; daemon) lines=2 processes=2 ;; *) lines=4 processes=3 ;; esac
    wait_until 10 eval "[ \$(wc -l <pids) = $lines ]"
    rm -f pids
    lttng create $how --output="$PWD/$how" >lttng.log
    lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
    lttng start >>lttng.log
    expect_status 0 gpualloc run --softgpu -- killer_fork $how "$PWD/pids"
    wait_until 10 eval "[ \$(wc -l <pids) = $lines ]"
    sleep 0.2 # the last writer's exit
    lttng destroy >>lttng.log
    assert_eq $lines "$(wc -l <pids)" "$how: lines of the program"

    # As many creates for a surface as the process of that pid made, and each under its own pid.
    gpualloc list --format jsonl --event d3dkmt:create_allocation $how >calls 2>loss
    assert_match '0 events and 0 packets discarded, 0 calls' "$(cat loss)" "$how: loss"
    assert_eq $((lines * 10)) "$(wc -l <calls)" "$how: creates"
    python3 - calls <<'PYTHON' || fail "$how: calls under another process's pid"
import json, sys
calls = [json.loads(line) for line in open(sys.argv[1])]
assert all(call["pid"] == call["hPrivateRuntimeResourceHandle"] for call in calls)
first = {}
for call in calls:
    first.setdefault(call["process"], call["call"])
assert len({call["pid"] for call in calls}) == len(first), "one instance a process"
assert all(number <= 4 for number in first.values()), "numbers begin anew"
PYTHON
    # Each instance but the first names its parent.
    babeltrace2 $how | grep 'gpualloc:process:' | sed 's/.*process = \(0x[0-9A-F]*\), parent = \(0x[0-9A-F]*\), pid = \([0-9]*\).*/\1 \2 \3/' |
        sort -u >processes
    assert_eq $processes "$(awk '{ print $3 }' processes | sort -u | wc -l)" "$how: processes"
    assert_eq 1 "$(awk '$2 == "0x0"' processes | wc -l)" "$how: instances without a parent"
    awk '{ print $1 }' processes >instances
    awk '$2 != "0x0" { print $2 }' processes | while read -r parent; do
        grep -q "$parent" instances || fail "$how: parent $parent is no instance"
    done
done
