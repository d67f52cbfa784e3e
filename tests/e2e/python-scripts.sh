# labels: analyzer
# The Python scripts on a recorded program: their figures are those of `gpualloc report` and of the program itself, their pictures
# are pictures, their refusals one line.
need_built d3dkmt_churn d3dkmt_planted d3dkmt_scene babeltrace2/plugins/babeltrace-plugin-gpualloc.so
/usr/bin/python3 -c 'import bt2, matplotlib' 2>/dev/null || skip "python3-bt2 or python3-matplotlib is not installed"

set_preloads
export BABELTRACE_PLUGIN_PATH=$BUILD/lib/babeltrace2/plugins
script() {
    local name=$1; shift
    env LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=0 /usr/bin/python3 "$SOURCE/analyzer/python/$name.py" "$@"
}

expect_status 0 gpualloc record --softgpu -o churned -- d3dkmt_churn
expect_status 0 gpualloc record --softgpu -o scene -- d3dkmt_scene
for trace in churned scene; do
    gpualloc report --json "$trace" >report.json
    script table "$trace" >table.csv
    script leaks -n 1000 "$trace" >leaks.txt
    script sizes "$trace" >sizes.txt
    python3 - leaks.txt sizes.txt <<'E2' || fail "the scripts and the report of $trace disagree"
import csv, json, sys
memory = json.load(open("report.json"))["summary"]["memory"]
rows = [row for row in csv.DictReader(open("table.csv")) if row["imported"] == "0"]
assert len(rows) == memory["made"] > 0, (len(rows), memory["made"])
assert sum(int(row["size"] or 0) for row in rows) == memory["bytes_made"]
left = sum(row["end"] in ("alive", "with_owner", "closed") for row in rows)
text = open(sys.argv[1]).read()
if left:
    columns = text.splitlines()[0].index("Left") + 4
    assert sum(int(line[:columns].split()[-1]) for line in text.splitlines()[1:]) == left, text
else:
    assert f"Each of the " in text, text
sized = sum(row["size"] != "" for row in rows)
lines = [line.split() for line in open(sys.argv[2]) if line.startswith("≤")]
assert sum(int(line[3]) for line in lines) == sized, (lines, sized)
E2
    script lifetimes -o lifetimes.png "$trace" >out.txt
    script sizes -o sizes.svg "$trace"
    [ "$(head -c 8 lifetimes.png | od -An -c | tr -d ' ')" = '211PNG\r\n032\n' ] || fail "lifetimes.png is no PNG"
    grep -q '<svg' sizes.svg || fail "sizes.svg is no SVG"
done
# d3dkmt_churn makes one size again and again; a trace of one call a size has none.
script churn --lifetime 60000 churned >churn.txt
grep -Eq 'Calls saved' churn.txt || fail "no churn found: $(cat churn.txt)"
grep -q '^No size was made' < <(script churn --least 100000 churned) || fail "churn where there is none"

# What report calls a leak, though the device took it along, the script has too.
expect_status 0 gpualloc record --softgpu -o planted -- d3dkmt_planted --leak
script leaks -n 1000 planted >leaks.txt
[ "$(awk '/384 KiB *with owner/' leaks.txt | wc -l)" -eq 20 ] || fail "the planted leaks: $(cat leaks.txt)"

mkdir empty
for wrong in /nowhere empty; do
    expect_status 1 script leaks "$wrong"
    expect_one_line_stderr
done
mkdir broken; echo junk >broken/metadata
expect_status 1 script leaks broken
expect_one_line_stderr
expect_status 1 script lifetimes -o /nowhere/x.png scene
expect_stderr '/nowhere/x.png: No such file'
script table churned | sed 1q >/dev/null || fail "a reader that goes away"
