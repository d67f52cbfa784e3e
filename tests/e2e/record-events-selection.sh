# --events: only the calls asked for, with all that they need, and the choice is written down beside the trace.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need babeltrace2

names() { babeltrace2 "$1" | grep -oE '(d3dkmt|drm):[a-z0-9_]+' | sort -u | tr '\n' ' '; }
expect_status 0 gpualloc record --softgpu -o all -- d3dkmt_scene
assert_match 'd3dkmt:allocation .*d3dkmt:create_allocation .*d3dkmt:destroy_allocation' "$(names all)" "events without --events"
[ "$(json "" <(tr -d '\n' <all/gpualloc.json) | grep -c "'events'")" = 0 ] || fail "a selection was written down without one"

expect_status 0 gpualloc record --softgpu --events d3dkmt:create_allocation -o some -- d3dkmt_scene
assert_match '^d3dkmt:allocation d3dkmt:create_allocation (d3dkmt:standard_allocation )?$' "$(names some)" "events with --events"
expect_stderr '[1-9][0-9,]* calls'
expect_stderr ' 0 elements and 0 blobs missing'
selection=$(json "['events']" <(tr -d '\n' <some/gpualloc.json))
assert_match 'gpualloc:\*.*d3dkmt:allocation.*d3dkmt:create_allocation' "$selection" "the selection beside the trace"

expect_status 0 gpualloc record --softgpu --events 'd3dkmt:destroy_[ad]*,drm:*' --events d3dkmt:create_device -o two -- d3dkmt_scene
assert_eq 'd3dkmt:create_device d3dkmt:destroy_allocation d3dkmt:destroy_device ' "$(names two)" "events of several patterns"

expect_status 0 gpualloc record --softgpu --events 'drm:*' -o none -- d3dkmt_scene
expect_stderr 'WARNING: NOTHING WAS RECORDED although a GPU device was open: no call of the program matches --events'
