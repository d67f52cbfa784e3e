# Source lines are at most 136 columns, without tabs and trailing blanks. In scripts nothing ends a pipe early.
set -u
cd "$SOURCE"
files=$(find . -path './build*' -prune -o -path ./.git -prune -o -type f \( -name '*.[ch]' -o -name '*.def' -o -name '*.inc' \
    -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name 'CMakeLists.txt' -o -name '*.md' \) -print)
bad=0
say() { [ -z "$2" ] || { echo "$1:"; echo "$2" | sed -n 1,10p; bad=1; }; }
say "tabs or trailing blanks" "$(grep -nP '\t|[ ]+$' $files)"
say "over 136 columns" "$(LC_ALL=C.UTF-8 grep -nP '^.{137,}$' $(echo "$files" | grep -v '\.md$'))"
scripts=$(grep -rlE --exclude-dir='build*' --exclude-dir=.git '^#!.*bash|^set -[a-z]*o pipefail' . ; ls tests/e2e/*.sh)
say "a writer whose reader stops early fails under pipefail, now and then: grep -q X < <(writer), or sed -n 1,10p" \
    "$(grep -nE '\| *(grep -[a-zA-Z]*q|head( |$))' $scripts)"
exit $bad
