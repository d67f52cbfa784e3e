# labels: analyzer
# A report's memory is bounded by what is alive: at most 64 MiB, 256 bytes a living allocation and 32 a distinct blob, surface and
# thread, whatever is printed; also where nothing is ever freed, and where each surface or each content is another.
need python3
set_preloads
[ -z "$runtime" ] || skip "a sanitizer takes memory of its own"

cat >most.py <<'END'
import resource, subprocess, sys
alive, keys, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
allowed = (64 << 20) + 256 * alive + 32 * keys
print(f"{' '.join(command[1:])}: {used} bytes of {allowed}")
sys.exit(used > allowed)
END
# Allocations that are alive at once in a made trace, at most.
alive() { sed -n 's/.* most=\([0-9]*\) .*/\1/p' "$1"; }

check() {
    local name=$1 keys=$2 form=$3; shift 3
    [ -e $name ] || make-trace "$@" $name >$name.said
    expect_status 0 python3 most.py $(alive $name.said) $keys gpualloc report $form $name
    cat "$stdout"
}
check d3dkmt 150 "" --calls=400000 --live=100000 --leak=100000
check d3dkmt 150 --json
[ $(alive d3dkmt.said) -gt 140000 ] || fail "too few are alive: $(cat d3dkmt.said)"
check resident 150 "" --calls=600000 --live=60000 --leak=60000 --resident=1
[ $(alive resident.said) -gt 80000 ] || fail "too few are alive: $(cat resident.said)"
check dumb 10 --json --interface=dumb --calls=200000 --live=100000 --leak=100000
check contents 200000 "" --calls=400000 --distinct=400000 # of which about 200,000 are there
check surfaces 50200 "" --calls=100000 --surfaces=50000
check threads 40000 "" --calls=120000 --threads=40000 --live=1
check threads 40000 --json
# Those beyond the first thousands are one entry: with it the figures are those of the trace.
gpualloc report --json threads >threads.json
python3 - threads.json <<'END' || fail "the figures of threads are not those of the trace"
import json, sys
report = json.load(open(sys.argv[1]))
threads, summary = report["thread"], report["summary"]
assert len(threads) == 2049 and [t for t in threads if "others" in t] == threads[-1:], len(threads)
assert sum(t["calls"] for t in threads) == summary["calls"], summary["calls"]
assert sum(t["made"] for t in threads) == summary["memory"]["made"]
END
