# An example that breaks each rule of D3DKMT once is found to, each once; examples that do nothing wrong are found clean.
need_built libgpualloc-trace.so libgpualloc-softgpu.so d3dkmt_lint d3dkmt_scene
need python3

gpualloc record --softgpu -o T -- d3dkmt_lint >steps 2>record.log || fail "the example: $(cat steps record.log)"
expect_status 5 gpualloc lint --json T
cp "$stdout" lint.json
others='flink-name|leaked-gem-handle|leaked-cpu-mapping|dumb-on-render-node'
gpualloc lint --list | cut -d' ' -f1 | grep -vE "^($others)\$" | sort >expected
python3 -c "import json; print(*sorted(finding['rule'] for finding in json.load(open('lint.json'))['findings']), sep='\n')" >found
diff expected found >difference || fail "rules expected (<) and found (>): $(cat difference) $(gpualloc lint --top=0 T)"
[ "$(python3 -c "import json; print(json.load(open('lint.json'))['unchecked'])")" = "{}" ] || fail "rules were not checked"

# An offender is where list shows it: event, time, thread and call number agree.
gpualloc list --format jsonl T >calls
python3 - <<'CHECK' || fail "an offender is not in list"
import json
keys = ('event', 'ts', 'pid', 'tid', 'call')
calls = {tuple(call[key] for key in keys) for call in map(json.loads, open('calls'))}
missing = [finding for finding in json.load(open('lint.json'))['findings'] if tuple(finding['first'][key] for key in keys) not in calls]
assert not missing, missing
CHECK

expect_status 5 gpualloc lint T
expect_stdout '^error use-after-destroy: '
expect_stdout 'do:    '
expect_status 0 gpualloc lint --fail-on=never T
expect_status 5 gpualloc lint --rule=residency-churn T
expect_stdout '^warning residency-churn'
expect_status 0 gpualloc lint --rule=residency-churn --fail-on=error T
expect_status 0 gpualloc lint --rule=residency-churn,over-budget --ignore=residency-churn T
expect_status 2 gpualloc lint --rule=no-such-rule T
expect_stderr "there is no rule 'no-such-rule'"
expect_status 1 gpualloc lint nowhere
expect_status 2 gpualloc lint

# What a recording left out is not judged.
gpualloc record --softgpu --events 'd3dkmt:create_allocation' -o part -- d3dkmt_lint >/dev/null 2>&1
expect_status 5 gpualloc lint part
expect_stdout '^Not checked, because the recording left out d3dkmt:.*leaked-allocation'
! grep -qE '^[a-z]+ leaked-' "$stdout" || fail "a leak is told of a recording without destroys: $(cat "$stdout")"

gpualloc record --softgpu -o clean -- d3dkmt_scene --no-mistakes >clean.log 2>&1 || fail "the scene: $(cat clean.log)"
expect_status 0 gpualloc lint --fail-on=note clean
expect_stdout '^Nothing found'
