#!/bin/bash
# bash sim.sh: what the model of a device's memory says of the scenarios beside it is what the expected files say. UPDATE=1 writes them
# anew. Each is asked twice: the answer is the same to the byte.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
check() { # EXPECTED SCENARIO ARGUMENT…
    local expected=$PWD/$1 scenario=$2; shift 2
    [ -d "$work/$scenario" ] || "$BUILD/bin/make-trace" --scenario="$scenario.scenario" "$work/$scenario" >/dev/null
    for i in 1 2; do
        (cd "$work" && "$BUILD/bin/gpualloc" replay "$scenario" --backend sim "$@" >"out$i" 2>&1) ||
            echo "exit status $?" >>"$work/out$i"
    done
    cmp "$work/out1" "$work/out2" || failed=1
    if [ -n "${UPDATE:-}" ]; then
        cp "$work/out1" "$expected"
    elif ! diff -u --label "expected: $expected" --label "replay $scenario --backend sim $*" "$expected" "$work/out1"; then
        failed=1
    fi
}
check evicts.txt amdgpu --vram 12M
check evicts.json amdgpu --vram 12M --json -
check swaps.txt amdgpu --vram 12M --gtt 4M --allocator mm
check search.txt amdgpu --vram search -v
check refused.txt amdgpu --vram 12X
exit $failed
