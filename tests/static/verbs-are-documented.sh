# Every verb of the table answers -h, stands in the README and the general help, and has a manual page where help2man is there.
set -eu
gpualloc=$BUILD/bin/gpualloc
verbs=$(sed -n 's/^VERB(\(.*\))$/\1/p' "$SOURCE/cli/verbs.inc")
[ -n "$verbs" ]
for verb in $verbs; do
    "$gpualloc" "$verb" -h >/dev/null || { echo "gpualloc $verb -h fails"; exit 1; }
    "$gpualloc" -h | grep -q "^  $verb " || { echo "$verb is not in gpualloc -h"; exit 1; }
    grep -q "gpualloc $verb" "$SOURCE/README.md" || { echo "$verb is not in README.md"; exit 1; }
    if command -v help2man >/dev/null; then
        [ -s "$BUILD/man/gpualloc-$verb.1" ] || { echo "no manual page of $verb"; exit 1; }
    fi
done
