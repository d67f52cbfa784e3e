#!/bin/bash
# bash golden.sh NAME.scenario: makes the trace, runs each verb that an expected file beside it names, compares. UPDATE=1 writes
# the expected files anew instead. The language and the endings: README.md.
set -euo pipefail
scenario=$1 base=${1%.scenario}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC NO_COLOR=1 XDG_CACHE_HOME=$work/cache

"$BUILD/bin/make-trace" --scenario="$scenario" "$work/trace"
cd "$work"
failed=0 count=0
for expected in "$base".*.*; do
    [ "$expected" != "$scenario" ] || continue
    count=$((count + 1))
    ending=${expected##*.} verb=${expected#"$base".}
    verb=${verb%."$ending"}
    case $ending in
        jsonl) options=(--format jsonl) ;;
        json) options=(--json) ;;
        *) options=() ;;
    esac
    status=0
    "$BUILD/bin/gpualloc" "$verb" "${options[@]}" trace >out 2>err || status=$?
    if [ "$ending" = err ]; then
        mv err out
        [ "$status" = 0 ] || echo "exit status $status" >>out
    fi
    if [ -n "${UPDATE:-}" ]; then
        cp out "$expected"
    elif ! diff -u --label "expected: ${expected##*/}" --label "gpualloc $verb ${options[*]}" "$expected" out; then
        failed=1
    fi
done
[ "$count" -gt 0 ] || { echo "no expected file beside $scenario" >&2; exit 1; }
exit "$failed"
