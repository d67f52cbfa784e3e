# compare's exit status is 3 when the metric that was named is slower, significantly and beyond the threshold, and only then.
need python3
python3 - <<'END'
import json
def result(name, creates, destroys, kernel="6.1", boot="b"):
    kinds = lambda c, d: [{"kind": "create", "size_class": 4096, "failed": False, "p50_ns": c},
                          {"kind": "destroy", "size_class": 0, "failed": False, "p50_ns": d}]
    json.dump({"schema_version": 1, "trace": "T", "backend": "amdgpu", "mode": "verbatim", "plan": {"hash": "1", "order": "memory"},
               "device": {"node": "/dev/dri/card0", "driver": "amdgpu"}, "system": {"kernel": kernel, "boot_id": boot},
               "runs": [{"wall_ns": c + d, "issued": 2, "kinds": kinds(c, d)} for c, d in zip(creates, destroys)]},
              open(name, "w"))
even = [1000 + i for i in range(10)]
result("base", even, even)
result("slower", [v * 1.2 for v in even], even)                   # by 20 %, the geomean by 9.5 %
result("little", [v * 1.04 for v in even], [v * 1.04 for v in even])  # significant, below 5 %
result("faster", [v * 0.8 for v in even], even)
result("noisy", [v * (1.6 if i % 2 else 0.7) for i, v in enumerate(even)], even)  # beyond 5 %, and not significant
result("few", even[:3], even[:3])
result("few-slower", [v * 2 for v in even[:3]], even[:3])
result("crossed", [v * 1.2 for v in even], [v * 0.7 for v in even])  # create slower, all in all faster
result("other", [v * 2 for v in even], even, "6.12", "c")
END
expect_status 3 gpualloc compare base slower
expect_status 0 gpualloc compare slower base
expect_status 0 gpualloc compare base base
expect_status 0 gpualloc compare base faster
expect_stdout '^faster: '

# The threshold, on either side of the change.
expect_status 0 gpualloc compare base little
expect_stdout '^no regression of more than 5\.0%: .*4\.0% slower'
expect_status 3 gpualloc compare --threshold 3.9 base little
expect_status 0 gpualloc compare --threshold 4.1 base little
expect_status 3 gpualloc compare --threshold 0 base little
expect_status 0 gpualloc compare --threshold 10 base slower

# Large, and perhaps chance; large, and too few runs to tell.
expect_status 0 gpualloc compare --threshold 0 base noisy
expect_stdout '^create .* ~ \(p='
expect_status 0 gpualloc compare few few-slower
expect_stdout '^no verdict: '

# The metric named, whatever the others do.
expect_status 0 gpualloc compare base crossed
expect_stdout '^faster: '
expect_status 3 gpualloc compare --metric create base crossed
expect_stdout '^regressed: create \(medians\) is 20\.0% slower'
expect_status 0 gpualloc compare --metric destroy base crossed
expect_status 0 gpualloc compare --metric wall base crossed
expect_status 3 gpualloc compare --metric wall base slower
expect_status 1 gpualloc compare --metric dance base slower
expect_one_line_stderr

# One boot a side across kernels: the change, and no verdict, in any form.
expect_status 0 gpualloc compare base other
expect_stdout '^geomean .*\+41\.4% \(n=1\+1\)$'
expect_stdout '^no verdict: .*but one boot a side'
expect_status 0 gpualloc compare --json - base other
python3 -c 'import json, sys; v = json.load(open(sys.argv[1])); assert v["verdict"] == "undecided" and not v["regressed"], v' "$stdout"
for form in --markdown --html; do
    expect_status 0 gpualloc compare $form - base other
    expect_status 3 gpualloc compare $form - base slower
done
