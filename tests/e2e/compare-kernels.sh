# Results of several boots become one whose runs are boots, the unit of compare; runs of one boot give no verdict on kernels.
need python3
by_boot=$SOURCE/examples/compare-kernels/by-boot
gpualloc record --softgpu -o T -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"
gpualloc replay T --softgpu --runs 3 --json real.json >/dev/null || fail "replaying"
python3 - <<'END'
import json
for kernel, slower in ("6.1", 1), ("6.12", 2):
    for boot in range(5):
        r = json.load(open("real.json"))
        r["system"].update(kernel=kernel, boot_id=f"{kernel}-{boot}")
        for number, run in enumerate(r["runs"]):
            for k in run["kinds"]:
                k["p50_ns"] = 1000 * slower + 10 * boot + 100 * (number - 1)  # the boot's median is its second run's
        json.dump(r, open(f"{kernel}-{boot}.json", "w"))
END
for kernel in 6.1 6.12; do
    "$by_boot" "$kernel"-[0-4].json >"$kernel.json" || fail "by-boot"
done
python3 - <<'END' || fail "a boot is not the median of its runs"
import json
r = json.load(open("6.12.json"))
assert [run["kinds"][0]["p50_ns"] for run in r["runs"]] == [2000 + 10 * boot for boot in range(5)]
assert r["system"]["boot_id"] is None and len(r["system"]["boots"]) == 5
END
expect_status 3 gpualloc compare 6.1.json 6.12.json
expect_stdout '^base: .*kernel 6\.1, 5 boots'
expect_stdout '^geomean .*\+98\.0% \(p=0\.008 n=5\+5\)$'

# One boot a side: the change is shown, no verdict is given.
expect_status 0 gpualloc compare 6.1-0.json 6.12-0.json
expect_stdout '^no verdict: .*but one boot a side'
expect_status 0 gpualloc compare 6.1.json 6.12-0.json
expect_stdout '^no verdict: .*but 5 and 1 boots are too few'

# Many files a side are the same as one of by-boot.
expect_status 3 gpualloc compare 6.1-[0-4].json -- 6.12-[0-4].json
expect_stdout '^base: .*kernel 6\.1, 5 boots, 15 runs in 5 files'
expect_stdout '^geomean .*\+98\.0% \(p=0\.008 n=5\+5\)$'

# What by-boot refuses.
expect_status 1 "$by_boot" 6.1-0.json 6.1-0.json
expect_stderr 'two results are of one boot'
expect_status 1 "$by_boot" 6.1-0.json 6.12-0.json
expect_stderr 'system.kernel differs'
