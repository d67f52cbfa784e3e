# A vfork child that closes everything and execs: its parent's descriptors stay known, and the program that it starts is recorded as
# a process of its own.
#
# Fails without the cure: without process_is_guest in files.c the child's close takes the parent's file out of the table that both
# see: the parent's device is told as closed and found a second time.
need_built killer_vfork dxg_churn libgpualloc-trace.so libgpualloc-softgpu.so
set_preloads
need babeltrace2

env LD_PRELOAD="$soft" killer_vfork dxg_churn 7 32 >plain
expect_status 0 gpualloc record --softgpu --json -o T -- killer_vfork dxg_churn 7 32
cmp plain "$stdout" || fail "another output than without the tracer"
assert_eq True "$(json "['complete']" "$stderr")" "complete"

babeltrace2 T >events
parent=$(grep 'gpualloc:process:' events | grep 'command_line = "killer_vfork' |
    head -n 1 | sed 's/.*{ process = \(0x[0-9A-F]*\).*/\1/')
child=$(grep -m 1 'gpualloc:process:.*command_line = "dxg_churn 7' events | sed 's/.*{ process = \(0x[0-9A-F]*\).*/\1/')
[ -n "$parent" ] && [ -n "$child" ] && [ "$parent" != "$child" ] || fail "two instances: '$parent' and '$child'"
assert_eq 40 "$(grep -c "d3dkmt:create_allocation:.*process = $parent" events)" "creates of the parent"
assert_eq 7 "$(grep -c "d3dkmt:create_allocation:.*process = $child" events)" "creates of the program"
assert_eq 1 "$(grep -c "gpualloc:file:.*process = $parent" events)" "files of the parent"
assert_eq 0 "$(grep -c "gpualloc:file_closed:.*process = $parent" events || true)" "files closed by the parent"

# A program that is not there: the child ends by itself, and nothing of it is seen.
expect_status 127 gpualloc record --softgpu -o none -- killer_vfork no-such-program
expect_stdout 'parent done'
