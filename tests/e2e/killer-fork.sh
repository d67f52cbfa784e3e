# Children, however made, are recorded as processes of their own: own pid, own instance, their parent's named, calls from 1 on.
#
# Fails without the cure: without the wrappers of fork, clone, daemon and forkpty LTTng's threads do not exist in the child and its
# events are lost or carry the parent's pid; without process_renew they carry the parent's instance; without the _exit in
# clone_started LTTng's threads keep a cloned child whose function has returned, and its parent waits for ever.
need_built killer_fork libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2 lttng

lttng create children --output="$PWD/T" >lttng.log
lttng enable-event --userspace 'gpualloc:*,d3dkmt:*' >>lttng.log
lttng start >>lttng.log
# Processes of each kind: itself, its child, and but for clone and daemon a grandchild; its own second time is a line more.
for how in fork clone daemon forkpty; do
    case $how in clone) lines=3 ;; daemon) lines=2 ;; *) lines=4 ;; esac
    expect_status 0 gpualloc run --softgpu -- killer_fork $how "$PWD/$how.pids"
    wait_until 10 eval "[ \$(wc -l <$how.pids) = $lines ]" # a daemon goes on when its parent has ended
done
wait_until 10 eval '[ -z "$(processes_named killer_fork)" ]'
lttng destroy >>lttng.log

gpualloc list --format jsonl --event d3dkmt:create_allocation T >calls 2>loss
assert_match '0 events and 0 packets discarded, 0 calls' "$(cat loss)" "loss"
babeltrace2 T | grep 'gpualloc:process:' |
    sed 's/.*process = 0x\([0-9A-F]*\), parent = 0x\([0-9A-F]*\), pid = \([0-9]*\).*/\1 \2 \3/' | sort -u >processes
python3 - <<'PYTHON' || fail "children are not told apart"
import json
calls = [json.loads(line) for line in open("calls")]
made = {}
for how, processes in {"fork": 3, "clone": 2, "daemon": 2, "forkpty": 3}.items():
    pids = [int(line.split()[1]) for line in open(how + ".pids")]
    assert len(set(pids)) == processes, (how, pids)
    for pid in pids:
        made[pid] = made.get(pid, 0) + 10
# Each process made its allocations for a surface of its own pid's number, and they are under its pid.
assert all(call["pid"] == call["hPrivateRuntimeResourceHandle"] for call in calls)
for pid, count in made.items():
    assert sum(call["pid"] == pid for call in calls) == count, (pid, count)
first = {}
for call in calls:
    first.setdefault(call["process"], call["call"])
assert len(first) == len(made), "one instance a process"
assert all(number <= 4 for number in first.values()), "numbers begin anew"
# Four of them were started by the shell; each other names its parent's instance.
told = {name: (parent, int(pid)) for name, parent, pid in (line.split() for line in open("processes"))}
parents = [parent for parent, pid in told.values() if pid in made]
assert len(parents) == len(made) and parents.count("0") == 4, told
assert all(parent == "0" or parent in told for parent in parents), told
PYTHON
