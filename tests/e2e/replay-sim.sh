# A recording in the model of a device's memory: the same answer every time, a search that holds, and no word that it were measured.
need python3
gpualloc record --softgpu -o T -- d3dkmt_churn >/dev/null 2>&1 || fail "recording"

expect_status 0 gpualloc replay T --backend sim --vram 1G
expect_stdout '^T in a model \(backend sim\): nothing was issued and nothing measured$'
cp "$stdout" first
expect_status 0 gpualloc replay T --backend sim --vram 1G
diff first "$stdout" || fail "the same question, another answer"
expect_status 0 gpualloc replay T --backend sim --vram search --json found.json
expect_stdout '^the smallest device memory that evicts nothing: '
read -r size step < <(python3 -c 'import json; s = json.load(open("found.json"))["search"]; print(s["vram"], s["step"])')
expect_status 0 gpualloc replay T --backend sim --vram "$size" --json enough.json
expect_status 0 gpualloc replay T --backend sim --vram $((size - step)) --json short.json
python3 - <<'END' || fail "the search's size is not the least"
import json
enough, short, found = json.load(open("enough.json")), json.load(open("short.json")), json.load(open("found.json"))
assert found["model"] and found["sufficed"]
assert enough["sufficed"] and enough["evicted"]["count"] == enough["failed"]["count"] == enough["displaced"]["count"] == 0
assert not short["sufficed"]
assert enough["segments"]["vram"]["peak_bytes"] == enough["local_peak_bytes"] <= enough["segments"]["vram"]["size"]
time = short["simulated_time"]
assert time["total_ns"] == sum(v for k, v in time.items() if k not in ("total_ns", "cost_model"))
assert time["calls_ns"] == short["calls"] * time["cost_model"]["call_ns"]
END

# A model is compared with nothing, and nothing measured with it.
gpualloc replay T --softgpu --runs 1 --json real.json >/dev/null || fail "replaying"
for pair in 'enough.json real.json' 'real.json enough.json' 'enough.json short.json'; do
    expect_status 1 gpualloc compare $pair
    expect_one_line_stderr
    expect_stderr "it is a model's \(backend sim\)"
done

bad() { # STATUS REGEX ARGUMENT…
    local status=$1 regex=$2; shift 2
    expect_status "$status" gpualloc replay T "$@"
    expect_one_line_stderr
    expect_stderr "$regex"
}
bad 2 'they go with --backend sim' --vram 1G --backend null
bad 2 '--backend sim issues nothing' --backend sim --runs 5
bad 2 '--backend sim issues nothing' --backend sim --speed real
bad 2 '--backend sim issues nothing' --backend sim --loops 2
bad 2 "--vram is a size \(8G, 512M\) or 'search'" --backend sim --vram 1X
bad 1 'has at least 4 KiB' --backend sim --vram 1K
bad 1 'at most 64 TiB' --backend sim --vram 100T
expect_status 1 gpualloc bench T --device sim
expect_stderr 'run 1 on sim: .*issues nothing'
