# labels: analyzer slow
# A page of gpualloc timeline in headless Chromium: a recorded program's, one with names that are markup, and one of a million
# allocations, which has at most 20 MiB and answers a zoom in under a second. Pictures are left in the build's folder pictures.
need python3 chromium
need_built make-trace libgpualloc-trace.so d3dkmt_scene
pictures=$BUILD/pictures
mkdir -p "$pictures"
gpualloc record --softgpu -o scene -- d3dkmt_scene >/dev/null 2>&1
gpualloc timeline -o scene.html scene 2>/dev/null
gpualloc export --format jsonl -o scene.jsonl scene 2>/dev/null
gpualloc report --json scene >scene.json
cat >hostile.scenario <<'END'
trace clock=1700000000000000000
default process=0x11 pid=100 tid=100
1000000 gpualloc:process schema_version=1 start=999000 program="/bin/</script><script>alerted=1</script>"
+9000 d3dkmt:create_device hAdapter=0x40000000 hDevice=0x40000040
+9000 gpualloc:annotate_name kind=1 handle=0xa name="</script><script>alerted=2</script><img src=x onerror=alerted=3>"
+9000 d3dkmt:standard_allocation Type=2 ExistingHeapData_Size=8192
+20 d3dkmt:allocation hAllocation=0x40000080
+20 d3dkmt:create_allocation hDevice=0x40000040 Flags=StandardAllocation hPrivateRuntimeResourceHandle=0xa
END
make-trace --scenario=hostile.scenario hostile
gpualloc timeline -o hostile.html hostile 2>/dev/null
make-trace --interface=virtio_gpu --calls=2000400 --threads=4 --cpus=2 --live=400 --leak=50 million >/dev/null 2>&1
gpualloc timeline --limit 2000000 -o million.html million 2>/dev/null
python3 "$SOURCE/tests/e2e/timeline-browser.py" scene.html scene.jsonl scene.json hostile.html million.html "$pictures"
