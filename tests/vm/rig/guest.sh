# Functions for the scripts that run in the guest. Results are gathered in memory ($results) and copied to the host at the end of
# each part, because a file over 9p costs the emulated machine milliseconds. The host's test cases (cases/) judge them.
results=/run/results
debug=/sys/kernel/debug
mkdir -p "$results"

# step FOLDER NAME COMMAND…: runs it; FOLDER, which is there, gets NAME.out, NAME.err and NAME.status.
step() {
    local folder=$results/$1 name=$2 status=0 uptime
    shift 2
    "$@" >"$folder/$name.out" 2>"$folder/$name.err" || status=$?
    echo "$status" >"$folder/$name.status"
    read -r uptime _ </proc/uptime
    echo "$uptime ${folder##*/}/$name: $status"
}

# hand_over FOLDER: the results of a part go to the host, where boot unpacks them. One file: each costs a lot over 9p.
hand_over() { tar -C "$results" -cf "/out/$1.tar" "$1"; }

load() { modprobe -d "$MODULES" "$@"; }

# minor_of DRIVER: the minor number of its primary node, as debugfs has it.
minor_of() {
    local file name
    for file in "$debug"/dri/?/name; do
        read -r name _ <"$file"
        [ "$name" != "$1" ] || { file=${file%/name}; echo "${file##*/}"; }
    done
}

# ask_kernel MINOR FOLDER WHEN: what the kernel says exists, one file each in FOLDER/WHEN.
ask_kernel() {
    local folder=$results/$2/$3 name files=("$debug/dma_buf/bufinfo" /proc/meminfo)
    for name in gem_names radeon_gem_info radeon_vram_mm vram-mm qxl_buffers; do
        [ ! -e "$debug/dri/$1/$name" ] || files+=("$debug/dri/$1/$name")
    done
    mkdir -p "$folder"
    cp "${files[@]}" "$folder"
    shared_memory >"$folder/shmem"
}

# shared_memory: bytes of it, but for files: those of GEM objects, mostly. The session daemon frees its buffers, which are files,
# some time after record has ended: while it does, files and sum do not fit each other. So it is read until it stays the same.
shared_memory() {
    local last='' now
    for _ in {1..100}; do
        now=$(shared_memory_now)
        [ "$now" != "$last" ] || break
        last=$now
        sleep 0.1
    done
    echo "$now"
}

# The kernel sums up what each processor counted first.
shared_memory_now() {
    cat /proc/sys/vm/stat_refresh >/dev/null
    { stat -f -c '%b %f %S' / /run /dev/shm; grep ^Shmem: /proc/meminfo; } |
        awk '$1 == "Shmem:" {print $2 * 1024 - files} {files += ($1 - $2) * $3}'
}

# watch_kernel: from now on the kernel notes each GEM object that it makes and frees, with its size and (a made one) its device,
# whoever asked for it.
watch_kernel() {
    echo 'p:gem/made drm_gem_private_object_init device=%di size=%dx object=%si' >>"$debug/tracing/kprobe_events"
    echo 'p:gem/freed drm_gem_object_release object=%di' >>"$debug/tracing/kprobe_events"
    echo 1 >"$debug/tracing/events/gem/enable"
}

# watched FOLDER NAME COMMAND…: a step; FOLDER/NAME.gem gets what the kernel noted meanwhile.
watched() {
    echo >"$debug/tracing/trace"
    step "$@"
    cp "$debug/tracing/trace" "$results/$1/$2.gem"
}

# wait_for FILE TEXT PID: until the text is in the file or the process has ended.
wait_for() { until grep -q "$2" "$1" 2>/dev/null || ! kill -0 "$3" 2>/dev/null; do sleep 0.05; done; }
