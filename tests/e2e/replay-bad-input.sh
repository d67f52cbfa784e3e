# What replay and compare cannot do is one clear line on stderr and a documented exit status.
bad() { # STATUS REGEX COMMAND…
    local status=$1 regex=$2; shift 2
    expect_status "$status" "$@"
    expect_one_line_stderr
    expect_stderr "$regex"
    [ ! -s "$stdout" ] || fail "stdout is not empty: $(cat "$stdout")"
}
gpualloc record --softgpu -o T -- d3dkmt_scene >/dev/null 2>&1 || fail "recording"
mkdir empty
echo text >file

bad 1 'no-such-trace' gpualloc replay no-such-trace --backend null
bad 1 'empty' gpualloc replay empty --backend null
bad 1 'file' gpualloc replay file --backend null
bad 2 'too few arguments' gpualloc replay
bad 2 'unknown backend voodoo; there are: .*dumb.*dxg.*null' gpualloc replay T --backend voodoo
bad 2 'unknown option' gpualloc replay T --no-such-option
bad 2 'runs' gpualloc replay T --backend null --runs 0
bad 2 'loops' gpualloc replay T --backend null --loops 0
bad 2 '--speed is asap, real' gpualloc replay T --backend null --speed fast
bad 2 '--speed is asap, real' gpualloc replay T --backend null --speed 0x
bad 2 '--cpu-mask is a list' gpualloc replay T --backend null --cpu-mask 3-1
bad 2 '--cpu-mask is a list' gpualloc replay T --backend null --cpu-mask 0,
bad 1 'cpu-mask: CPU 1023 is not there' gpualloc replay T --backend null --cpu-mask 1023
bad 2 '--runs is at most 100000' gpualloc replay T --backend null --runs 4294967297
bad 2 '--max-time is seconds, from 0' gpualloc replay T --backend null --max-time -1
bad 2 '--patience is seconds, more than 0' gpualloc replay T --backend null --patience 0
bad 2 '--range 5\.\.4: its end is before' gpualloc replay T --backend null --range 5..4
bad 2 '--skip dance: no such kind of call' gpualloc replay T --backend null --skip dance
bad 2 '--range x: it is FROM\.\.TO' gpualloc plan T --range x
bad 2 '--skip dance: no such kind of call' gpualloc plan T --skip dance
bad 2 'backend sim is a model, no device' gpualloc plan T --backend sim
bad 1 'has an empty name' gpualloc replay T --backend null --json ''
for option in --runs=3 --ru=3 -n3 --json=x --dry-run -h '--device null' --softgpu; do
    bad 2 'is not for after --: bench chooses' gpualloc bench T --device null --runs 1 -- $option
done
bad 2 'require-fidelity' gpualloc replay T --backend null --require-fidelity 101%
bad 2 'cold' gpualloc replay T --backend null --state cold --warmup 1
bad 2 'issue-log is a file' gpualloc replay T --backend null --issue-log -
bad 2 'issue-log' gpualloc replay T --backend null --issue-log log --loops 2
bad 1 'no/such/log' gpualloc replay T --backend null --issue-log no/such/log
bad 2 'softgpu' gpualloc replay T --softgpu --device /dev/dri/card0
bad 1 '/dev/dri/card77.*No such file' gpualloc replay T --device /dev/dri/card77
bad 1 'no DRM node' gpualloc replay T --device /dev/null
bad 1 'max-calls' gpualloc replay T --backend null --max-calls 10
bad 1 'MiB alive at once.*--max-bytes allows 4 KiB' gpualloc replay T --backend null --max-bytes 4K
bad 1 'directory' gpualloc replay T --backend null --json no/such/directory/r.json
[ -e /dev/dxg ] || bad 1 '/dev/dxg.*--softgpu' gpualloc replay T
[ -e /dev/dxg ] || bad 1 '/dev/dxg.*--softgpu' gpualloc replay T --backend dxg

# Output that does not arrive is said once, and is a failure
for options in 'plan T' 'plan T --json' 'plan T --calls' 'replay T --backend null' 'replay T --backend null --json -' \
    'replay T --backend sim --json -' devices 'devices --json'; do
    status=0
    gpualloc $options >/dev/full 2>err || status=$?
    assert_eq 1 $status "exit status of $options"
    assert_eq 1 "$(wc -l <err)" "lines of $options ($(cat err))"
    grep -q 'No space left on device' err || fail "$options: $(cat err)"
done

# A lossy trace
make-trace --calls=1000 --lose-calls=3 lossy >/dev/null
expect_status 4 gpualloc replay lossy --backend null
expect_stderr '0 events and 0 packets discarded, 3 calls, 0 elements and 0 blobs missing'
expect_stderr 'the trace lost events.*--accept-loss'
[ ! -s "$stdout" ] || fail "a refused replay printed a result"
expect_status 0 gpualloc replay lossy --backend null --accept-loss
expect_stdout '998 calls'

# Not permitted
gpualloc replay T --backend null --json r.json >/dev/null
if [ "$(id -u)" = 0 ] && mknod -m 600 locked-card c 226 0 2>/dev/null; then
    chmod -R a+rX ..
    bad 1 'locked-card: Permission denied' as_user 65534 "$BUILD/bin/gpualloc" replay "$PWD/T" --device "$PWD/locked-card"
fi

# Results
bad 1 'no-such.json' gpualloc compare no-such.json r.json
bad 2 'too few arguments' gpualloc compare
bad 2 'put -- between' gpualloc compare r.json
bad 2 'put -- between' gpualloc compare r.json r.json r.json
bad 2 'put -- between' gpualloc compare -- r.json
bad 2 'put -- between' gpualloc compare r.json --
bad 2 'threshold cannot be negative' gpualloc compare --threshold -1 r.json r.json
bad 2 '--figure is one of p50, mean, ' gpualloc compare --figure p42 r.json r.json
bad 1 '--metric dance: no such kind of call' gpualloc compare --metric dance r.json r.json
bad 1 'empty: a folder without results' gpualloc compare r.json empty
bad 1 'no/such/x.html' gpualloc compare --html no/such/x.html r.json r.json
echo '{"schema_version": 1' >cut.json
bad 1 'cut.json: it is cut short' gpualloc compare r.json cut.json
echo 'nonsense' >none.json
bad 1 'none.json: it is no JSON' gpualloc compare none.json r.json
echo '[1, 2]' >list.json
bad 1 'list.json: it is no result of' gpualloc compare list.json r.json
sed 's/"schema_version": [0-9]*/"schema_version": 9/' r.json >newer.json
bad 1 'newer.json: its schema_version is 9' gpualloc compare r.json newer.json
sed 's/"p50_ns": [0-9.]*/"p50_ns": "fast"/' r.json >text.json
bad 1 'no kind of call in common' gpualloc compare r.json text.json
bad 2 'threshold' gpualloc compare --threshold lots r.json r.json
bad 2 'only one of --json, --markdown and --html' gpualloc compare --json - --html - r.json r.json
bad 1 'r.json and r.json are one result on one side' gpualloc compare r.json -- r.json r.json

# A file is written whole or not at all
grep -q 'r\.json\.' < <(ls) && fail "a temporary file is left: $(ls)"
true
