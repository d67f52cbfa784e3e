# A trace that make-trace writes is what LTTng writes of the same events: the same fields in the same layout, the same values for
# babeltrace2, and the same calls for our reader. Only times and the sender's CPU differ.
need_built make-trace emit-trace
need babeltrace2 lttng python3

# The fields of each event in a trace's metadata, one a line, whatever the order and the numbers of events.
fields_of() {
    babeltrace2 --output-format=ctf-metadata "$(dirname "$(find "$1" -name metadata)")" | python3 -c '
import re, sys
for event in re.findall(r"event \{(.*?)\n\};", sys.stdin.read(), re.S):
    name = re.search(r"name = \"(.*?)\"", event).group(1)
    for number, field in enumerate(event[event.index("struct {") + 8:].strip().split("\n")):
        print(name, "%03d" % number, field.strip())' | sort
}
# Packet header and context, and the event header, without the names that differ.
headers_of() {
    babeltrace2 --output-format=ctf-metadata "$(dirname "$(find "$1" -name metadata)")" |
        sed -n '/^trace {/,/^};/p; /^struct /,/^}/p; /^stream {/,/^};/p' | grep -v uuid
}
values_of() { babeltrace2 --no-delta "$1" | sed -E 's/^\[[^]]*\] [^ ]+ //; s/\{ cpu_id = [0-9]+ \}, //' | sort; }
calls_of() { gpualloc list --format jsonl "$1" 2>"$1.loss" | sed -E 's/"ts":[0-9]+,//'; }
texts_of() { gpualloc list "$1" 2>/dev/null | cut -d' ' -f2-; }

for name in d3dkmt drm d3dkmt-life; do
    scenario=$SOURCE/tests/golden/$name.scenario
    make-trace --scenario="$scenario" made-$name
    lttng create "$name" --output="$work/real-$name" >lttng.log
    lttng enable-event --userspace 'gpualloc:*,d3dkmt:*,drm:*' >>lttng.log
    lttng start >>lttng.log
    emit-trace "$scenario"
    lttng destroy >>lttng.log

    diff <(fields_of real-$name) <(fields_of made-$name) || fail "$name: the metadata's fields differ"
    diff <(headers_of real-$name) <(headers_of made-$name) || fail "$name: the metadata's headers differ"
    diff <(values_of real-$name) <(values_of made-$name) || fail "$name: babeltrace2 sees other values"
    diff <(calls_of real-$name) <(calls_of made-$name) || fail "$name: the reader gives other calls"
    diff <(texts_of real-$name) <(texts_of made-$name) || fail "$name: the reader gives other calls as text"
    assert_eq "$(cat real-$name.loss)" "$(cat made-$name.loss)" "$name: losses"
    [ "$(calls_of made-$name | wc -l)" -gt 5 ] || fail "$name: there is nothing to compare"
done

# Compact event headers, which LTTng-UST has but 2.13 does not choose, are read alike.
sed 's/^trace /trace compact=1 /' "$SOURCE/tests/golden/drm.scenario" >compact.scenario
make-trace --scenario=compact.scenario compact
diff <(calls_of made-drm) <(calls_of compact) || fail "compact headers are read differently"
