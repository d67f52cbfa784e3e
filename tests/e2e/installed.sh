# What is installed works without the build tree: the program finds its libraries beside itself, wherever the prefix is.
need_built d3dkmt_scene libgpualloc-trace.so libgpualloc-softgpu.so
need cmake

cmake --install "$BUILD" --prefix "$work/prefix" >install.log || fail "cmake --install: $(cat install.log)"
mv prefix elsewhere
gpualloc=$work/elsewhere/bin/gpualloc
expect_status 0 "$gpualloc" run --softgpu -- sh -c 'echo "$LD_PRELOAD"'
expect_stdout "^(.*san.so[.0-9]*:)?$work/elsewhere/.*/libgpualloc-trace.so:$work/elsewhere/.*/libgpualloc-softgpu.so$"
expect_status 0 "$gpualloc" record --softgpu --json -o T -- d3dkmt_scene
[ "$(json "['calls']" "$stderr")" -gt 0 ] || fail "no calls: $(cat "$stderr")"
if /usr/bin/python3 -c 'import bt2' 2>/dev/null; then
    set_preloads
    env LD_PRELOAD="$runtime" ASAN_OPTIONS=detect_leaks=0 elsewhere/share/gpualloc/python/leaks.py T >leaks.txt ||
        fail "a script where it is installed"
    grep -q '1 .* with owner' leaks.txt || fail "what leaks.py says of d3dkmt_scene: $(cat leaks.txt)"
fi

# A path that LD_PRELOAD cannot say is refused, instead of recording nothing.
mv elsewhere 'with space'
expect_status 125 "$work/with space/bin/gpualloc" record --softgpu -o T2 -- d3dkmt_scene
expect_stderr 'libgpualloc-trace.so cannot be preloaded: LD_PRELOAD allows no space or colon'
expect_one_line_stderr
[ ! -e T2 ] || fail "output of a recording that never began"
find 'with space' -name libgpualloc-trace.so -delete
mv 'with space' gone
expect_status 125 "$work/gone/bin/gpualloc" record -o T2 -- true
expect_stderr 'libgpualloc-trace.so is neither in .* nor in .*; build or install it'
