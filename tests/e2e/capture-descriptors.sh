# Every way to get, copy, pass, replace and lose a descriptor: each open file description is told once, and its end when it comes.
need_built descriptors libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2

expect_status 0 gpualloc record --softgpu --json -o T -- descriptors
read -r made ended <"$stdout"
assert_eq True "$(json "['complete']" "$stderr")" "complete"
babeltrace2 T >events
parent=$(grep -m 1 'gpualloc:process:.*parent = 0x0,' events | grep -o '{ process = 0x[0-9A-F]*')
assert_eq "$made" "$(grep "$parent[, ]" events | grep 'gpualloc:file:' | grep -o 'file = 0x[0-9A-F]*' | sort -u | wc -l)" "files"
assert_eq "$ended" "$(grep "$parent[, ]" events | grep -c 'gpualloc:file_closed:')" "ends of files"
# The first one's comes last.
first=$(grep "$parent[, ]" events | grep 'gpualloc:file:' | sed -n 1p | grep -o ' file = 0x[0-9A-F]*')
assert_eq "$first" "$(grep "$parent[, ]" events | grep 'gpualloc:file_closed:' | tail -n 1 | grep -o ' file = 0x[0-9A-F]*')" "last end"
