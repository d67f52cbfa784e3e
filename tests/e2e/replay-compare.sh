# A trace replayed twice and compared: what the results say of themselves, and the verdict's exit status.
need python3
gpualloc record --softgpu -o T -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"
gpualloc list --format jsonl T >T.jsonl 2>/dev/null
calls=$(wc -l <T.jsonl)

expect_status 0 gpualloc replay T --softgpu --runs 5 --warmup 1 --json a.json
expect_stdout "$calls calls of 2 threads, verbatim, order memory, 5 runs after 1 to warm up"
expect_stdout 'software, no hardware was measured'
expect_stdout '0 answered otherwise than recorded, 0 out of order'
expect_status 0 gpualloc replay T --softgpu --runs 5 --state warm --json b.json
[ ! -s "$stderr" ] || fail "stderr is not empty: $(cat "$stderr")"
expect_status 0 gpualloc replay T --softgpu --runs 2 --json -
python3 - "$stdout" <<'END' || fail "the JSON on standard output"
import json, sys
r = json.load(open(sys.argv[1]))
calls = [json.loads(line) for line in open('T.jsonl')]
created = sum(c['event'] == 'd3dkmt:create_allocation' and not c['status'] & 0x80000000 for c in calls)
assert r['schema_version'] == 2 and r['backend'] == 'dxg' and r['mode'] == 'verbatim'
device = {'node': '/dev/dxg', 'driver': 'softgpu', 'driver_version': '', 'software': True}
assert device.items() <= r['device'].items(), r['device']
assert r['system']['boot_id'] and r['system']['kernel']
assert len(r['runs']) == 2
for run in r['runs']:
    assert run['issued'] == len(calls) and run['skipped'] == {} and run['differs'] == 0 and run['order_violations'] == 0
    creates = [k for k in run['kinds'] if k['kind'] == 'create_allocation' and not k['failed']]
    assert sum(k['n'] for k in creates) == created, creates
    for k in run['kinds']:
        assert 0 < k['p50_ns'] <= k['p90_ns'] <= k['p99_ns'] <= k['p99_9_ns'] <= k['max_ns'], k
END

# The same device twice: not slower by a factor of ten.
expect_status 0 gpualloc compare --threshold 1000 a.json b.json
expect_stdout '^create_allocation .* ± .*\(p=[01]\.[0-9]{3} n=5\+5\)$'
expect_stdout '^geomean .*\(p=[01]\.[0-9]{3} n=5\+5\)$'
expect_stdout '^(no regression of more than 1000\.0%|faster): '

# Ten times slower: seen, and the other way round it is no regression.
python3 - <<'END'
import json
r = json.load(open('a.json'))
for run in r['runs']:
    for k in run['kinds']:
        k['p50_ns'] *= 10
json.dump(r, open('slow.json', 'w'))
r['mode'] = 'dumb'
json.dump(r, open('translated.json', 'w'))
END
expect_status 3 gpualloc compare a.json slow.json
expect_stdout '^geomean .*\+900\.0% \(p=0\.008 n=5\+5\)$'
expect_stdout '^regressed: the geomean of medians is 900\.0% slower, more than 5\.0% \(p=0\.008'
expect_status 0 gpualloc compare slow.json a.json
expect_stdout '^geomean .*-90\.0% \(p=0\.008 n=5\+5\)$'
expect_status 3 gpualloc compare --json verdict.json a.json slow.json
python3 -c 'import json; v = json.load(open("verdict.json")); assert v["regressed"] and abs(v["primary"]["change"] - 9) < 1e-6'

# Many files a side, as files and as a folder, are one sample; other metrics and forms.
mkdir base
cp a.json b.json base
expect_status 3 gpualloc compare a.json b.json -- slow.json
expect_stdout '^geomean .*\(p=0\.001 n=10\+5\)$'
cp "$stdout" by-files
expect_status 3 gpualloc compare base slow.json
diff by-files "$stdout" || fail "a folder is not the files in it"
expect_status 0 gpualloc compare --metric wall a.json slow.json
expect_status 3 gpualloc compare --metric create_allocation --figure p50 a.json slow.json
expect_stdout '^regressed: create_allocation \(medians\) is 900\.0% slower'
expect_status 3 gpualloc compare --markdown - a.json slow.json
expect_stdout '^\| geomean \|.*\*\*\+900\.0%\*\*'
expect_status 3 gpualloc compare --html page.html --json - a.json slow.json
python3 - "$stdout" page.html <<'END' || fail "JSON and page"
import html.parser, json, sys
v = json.load(open(sys.argv[1]))
assert v['verdict'] == 'regressed' and v['unit'] == 'run' and v['primary']['base']['n'] == 5, v
assert all(len(r['base']['values_ns']) == 5 for r in v['rows'])
page = open(sys.argv[2]).read()
points = [0]
class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        assert not any(name in ('src', 'href') for name, _ in attributes), attributes
        assert tag not in ('script', 'link', 'img'), tag
        points[0] += tag == 'circle'
Page().feed(page)
assert 'url(' not in page and '@import' not in page
assert points[0] == 10 * (len(v['rows']) + 2), points # the metric twice
END

# A planted difference of the machine is named; one boot a side of two kernels gets no verdict.
sed 's/"governor": [^,]*,/"governor": "powersave",/; s/"debug_options": \(null\|\[[^]]*\]\)/"debug_options": ["KASAN"]/' \
    slow.json >debug.json
expect_status 3 gpualloc compare a.json debug.json
expect_stdout '^differs: governor: .* \| powersave$'
expect_stdout '^new: the kernel has debug options, .*KASAN'
sed 's/"kernel": "[^"]*"/"kernel": "9.9"/; s/"boot_id": "[^"]*"/"boot_id": "other"/' slow.json >kernel.json
expect_status 0 gpualloc compare a.json kernel.json
expect_stdout '^geomean .*\+900\.0% \(n=1\+1\)$'
expect_stdout '^no verdict: .*but one boot a side'

# What is not comparable is refused.
expect_status 1 gpualloc compare a.json translated.json
expect_one_line_stderr
expect_stderr 'one result is verbatim and the other dumb'
gpualloc replay T --softgpu --order resource --runs 1 --json resource.json >/dev/null
expect_status 1 gpualloc compare a.json resource.json
expect_one_line_stderr
gpualloc record --softgpu -o U -- d3dkmt_scene --ioctl >/dev/null 2>&1 || fail "recording by ioctl"
gpualloc replay U --softgpu --warmup 1 --json u.json >/dev/null
sed 's/"hash": "[0-9a-f]*"/"hash": "0123456789abcdef"/' a.json >other.json
expect_status 1 gpualloc compare a.json other.json
expect_stderr 'different traces'
