#!/bin/bash
# bash compare.sh: compare's forms of the results beside it are what the expected files say. UPDATE=1 writes them anew.
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
failed=0
check() { # EXPECTED STATUS ARGUMENT…
    local expected=$1 status=$2 got=0; shift 2
    "$BUILD/bin/gpualloc" compare "$@" >"$out" || got=$?
    [ "$got" = "$status" ] || { echo "exit status $got, expected $status: compare $*"; failed=1; }
    if [ -n "${UPDATE:-}" ]; then
        cp "$out" "$expected"
    elif ! diff -u --label "expected: $expected" --label "gpualloc compare $*" "$expected" "$out"; then
        failed=1
    fi
}
check regressed.txt 3 base.json new.json
check regressed.md.expected 3 --markdown - base.json new.json
check regressed.html.expected 3 --html - base.json new.json
check no-verdict.txt 0 base.json other-kernel.json
check wall.txt 0 --metric wall --threshold 10 base.json new.json
exit $failed
