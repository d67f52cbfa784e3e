#!/bin/bash
# bash lint.sh FILE.cases RULE: the rule's bad trace must give it once, its near miss must not.
# bash lint.sh all FILE.cases…: every rule of `gpualloc lint --list` has a case, and stands in docs/lint.md.
set -euo pipefail
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "$1" = all ]; then
    shift
    "$BUILD/bin/gpualloc" lint --list >"$work/list"
    while read -r rule _; do
        grep -q "^| \`$rule\` |" "$here/../../../docs/lint.md" || { echo "$rule is not in docs/lint.md" >&2; exit 1; }
        for which in bad near; do
            grep -qxh "@ $rule $which" "$@" || { echo "no $which case of $rule" >&2; exit 1; }
        done
    done <"$work/list"
    exit 0
fi

cases=$1 rule=$2 failed=0
for which in bad near; do
    { cat "$here/prologue.scenario"; awk -v want="@ $rule $which" '/^@ /{on = $0 == want; next} on' "$cases"; } >"$work/$which.scenario"
    "$BUILD/bin/make-trace" --scenario="$work/$which.scenario" "$work/$which"
    "$BUILD/bin/gpualloc" lint --json --fail-on=never "$work/$which" >"$work/$which.json"
    found=$(grep -c "\"rule\":\"$rule\"" "$work/$which.json" || true)
    [ "$which" = bad ] && wanted=1 || wanted=0
    if [ "$found" != "$wanted" ]; then
        echo "$rule $which: found $found times, expected $wanted:" >&2
        cat "$work/$which.json" >&2
        failed=1
    fi
done
exit "$failed"
