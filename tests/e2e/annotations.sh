# A program's own names arrive, whatever it passes: from C++ and C99, from several threads, from a driver loaded by dlopen. Without the
# tracer the same program does the same and nothing else.
need python3 cc c++
need_built annotate_surfaces libgpualloc-trace.so libgpualloc-softgpu.so

here=$SOURCE/tests/e2e/annotate flags="-O2 -Wall -Wextra -Wpedantic -Werror -I$SOURCE/include"
cc -std=c99 $flags -shared -fPIC -o driver.so "$here/driver.c" || fail "the header is no C99"
cc -std=gnu17 $flags -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wundef -c -o /dev/null "$here/driver.c" ||
    fail "the header warns"
c++ -std=c++11 $flags -pthread -o program "$here/program.cpp" || fail "the header is no C++11"
# Nothing is linked: every undefined symbol is of the C library, and dlsym may be missing.
if grep -v ' w ' < <(nm -D --undefined-only driver.so) | grep gpualloc; then fail "the driver needs a symbol of gpualloc's"; fi
grep -q ' w dlsym' < <(nm -D driver.so) || fail "dlsym is no weak reference"

expect_status 0 ./program ./driver.so
expect_stdout '^done$'
for attempt in {1..10}; do # a busy machine takes the processor away for longer than all of them take
    expect_status 0 annotate_surfaces measure
    figure=$(sed -n 's/one annotation takes \([0-9]*\)[.].*/\1/p' "$stdout")
    [ "$figure" -ge 1000 ] || break
done
[ "$figure" -lt 1000 ] || fail "an annotation that goes nowhere takes $figure ns"

expect_status 0 gpualloc record --softgpu -o named -- ./program ./driver.so
expect_stdout '^done$'
gpualloc list --format jsonl --events named >list.jsonl 2>/dev/null
python3 - <<'PY' || fail "names differ: $(grep -m 12 annotate list.jsonl)"
import collections, json, sys
events = [json.loads(line) for line in open("list.jsonl")]
names = collections.defaultdict(list)
for event in events:
    if event["event"] == "gpualloc:annotate_name" and event["tid"]:
        names[event["kind"], event["handle"]].append(event["name"])
parts = [event for event in events if event["event"] == "gpualloc:annotate_part"]
trouble = [event["what"] for event in events if event["event"] == "gpualloc:trouble"]
good = [names[1, 1] == ["x" * 252 + "\u2026"], names[1, 2] == [""], names[1, 3] == ["\ufffd\ufffd"], (1, 4) not in names,
        names[2, 5] == ["no file"], names[3, 0] == ["no dma-buf"], names[1, 13] == ["named by a driver"],
        all(names[1, 0x100000 * (t + 1) + i] == ["thread %d" % t] for t in range(4) for i in range(100)),
        [(p["mapped"], p["kind"], p["usage_names"], p["semantic"]) for p in parts] == [(1, 2, ["Packed"], 1), (0, 2, ["Renamed"], 5)],
        trouble == ["a name that the program gave could not be read"]]
print(good)
sys.exit(not all(good))
PY

# The example, and its page.
expect_status 0 gpualloc record --softgpu -o T -- annotate_surfaces
expect_status 0 gpualloc report --by surface T
expect_stdout '0x[0-9a-f]+ back buffer +1 +8 MiB'
expect_stdout '0x[0-9a-f]+ shadow map +1 +4 MiB'
expect_status 0 gpualloc list T
expect_stdout 'gpualloc:annotate_part\(.*object=0, offset=12288 .*usage=Packed, semantic=2\)'
gpualloc list --format jsonl --events T >list.jsonl 2>/dev/null
gpualloc report --json T >report.json
python3 "$SOURCE/tests/e2e/report-recompute.py" list.jsonl report.json || fail "a figure of the report differs"
[ "$(gpualloc list --format jsonl T 2>/dev/null | grep -c annotate)" = 0 ] || fail "jsonl without --events shows what is no call"
