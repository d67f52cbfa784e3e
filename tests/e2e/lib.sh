#!/bin/bash
# bash lib.sh SCRIPT [ARG…]: runs an end-to-end test beside a session daemon of its own, in directories of its own, and leaves
# nothing behind. BUILD and SOURCE name the build and the source tree. The exit status is the script's; 77 is a skip.
#
# As root LTTng 2.13 ignores LTTNG_HOME for its run directory, so namespaces of mounts and processes hide the system's; as any
# other user LTTNG_HOME is enough. A script starts in an empty directory ($work) with `set -euo pipefail`, the programs in PATH,
# and these functions:
#   skip WHY; fail WHY; need PROGRAM…         end the test (need: skips when a program is missing)
#   need_built FILE…                          skips when a program or library of ours is not built
#   json EXPRESSION FILE                      a value of the JSON object in a file's last line: "['calls']"
#   assert_eq EXPECTED ACTUAL WHAT            texts are equal
#   assert_match REGEX TEXT WHAT              bash's extended regular expression is found in the text
#   expect_status N COMMAND…                  runs it; its output is then in $stdout and $stderr (files)
#   within MS COMMAND…                        expect_status 0, in that many milliseconds once in five times
#   expect_stdout REGEX; expect_stderr REGEX  of the last expect_status
#   expect_one_line_stderr                    of the last expect_status: one line, no more, no less
#   wait_until SECONDS COMMAND…               until it succeeds; the test fails when an idle machine would long have it
#   start_workers COMMAND…; kill_worker N; ended_with STATUS   a slow replay with two worker processes, and its end
#   nothing_stays [stopped]                   a replay on fake DRM devices has closed its files; in a stopped run's buffers may be left
#   as_user UID COMMAND…                      with a home of its own ($work/home-UID), as root also as this other user
#   start_session_daemon; stop_session_daemon one runs when the script starts
#   alive PID; processes_named NAME           whether it runs; pids in this test's namespace (root) or of this user

# --- functions for scripts -------------------------------------------------------------------------------------------------

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*" >&2; exit 1; }
need() { local program; for program; do command -v "$program" >/dev/null || skip "$program is not installed"; done; }

need_built() {
    local file
    for file; do [ -e "$BUILD/bin/$file" ] || [ -e "$BUILD/lib/$file" ] || skip "$file is not built"; done
}
# Sets `preload` to what `gpualloc run --softgpu` preloads, and `soft` to the same without the tracer; a sanitizer's runtime comes
# first in both, if there is one, and stands in `runtime` with a colon.
set_preloads() {
    preload=$(gpualloc run --softgpu -- sh -c 'echo "$LD_PRELOAD"')
    soft=${preload/$BUILD\/lib\/libgpualloc-trace.so:/}
    runtime=${preload%%"$BUILD"*}
}

json() { tail -n 1 "$2" | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

assert_eq() { [ "$1" = "$2" ] || fail "$3: expected '$1', found '$2'"; }
assert_match() { [[ "$2" =~ $1 ]] || fail "$3: nothing in '$2' matches '$1'"; }

expect_status() {
    local expected=$1 status=0; shift
    stdout=$work/.stdout stderr=$work/.stderr
    "$@" >"$stdout" 2>"$stderr" || status=$?
    [ "$status" = "$expected" ] && return
    sed 's/^/  stdout: /' "$stdout" >&2; sed 's/^/  stderr: /' "$stderr" >&2
    fail "exit status $status, expected $expected: $*"
}
# A busy machine is slow now and then; what waits for something that does not come is so each time.
within() {
    local ms=$1 begin took; shift
    for _ in 1 2 3 4 5; do
        begin=$(date +%s%N)
        expect_status 0 "$@"
        took=$((($(date +%s%N) - begin) / 1000000))
        [ $took -ge "$ms" ] || return 0
    done
    fail "five times not within $ms ms (at last $took): $*"
}
expect_stdout() { grep -Eq -- "$1" "$stdout" || fail "nothing in stdout matches '$1': $(cat "$stdout")"; }
expect_stderr() { grep -Eq -- "$1" "$stderr" || fail "nothing in stderr matches '$1': $(cat "$stderr")"; }
expect_one_line_stderr() { [ "$(wc -l <"$stderr")" = 1 ] || fail "stderr is not one line: $(cat "$stderr")"; }

alive() { local state; state=$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) && [ "${state:0:1}" != Z ]; }
# A hang has no end, so a bound many times too large finds it as well, and a busy machine does not meet it.
wait_until() {
    local seconds=$((20 * $1)) end=$((SECONDS + 20 * $1)); shift
    until "$@"; do [ $SECONDS -lt $end ] || fail "not within $seconds s: $*"; sleep 0.05; done
}
processes_named() {
    local stat pid
    for stat in /proc/[0-9]*/stat; do
        pid=${stat#/proc/}; pid=${pid%/stat}
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "${1:0:15}" ] && { [ -O "/proc/$pid" ] || [ "$(id -u)" = 0 ]; } &&
            alive "$pid" && echo "$pid"
    done
    true
}

# A replay of two processes that lasts until it is ended, with its output in out, err and r.json: `replay` and its `workers`.
start_workers() {
    "$@" >out 2>err &
    replay=$!
    wait_until 30 has_workers
}
has_workers() { workers=$(pgrep -P $replay || true); [ "$(wc -w <<<"$workers")" = 2 ]; }
workers_gone() { local pid; for pid in $workers; do ! alive "$pid" || return 1; done; }
ended_with() {
    local status=0
    wait $replay || status=$?
    assert_eq "$1" "$status" "exit status ($(cat err))"
    wait_until 10 workers_gone
}
# One of the workers, by number: the replay ends, and says so.
kill_worker() {
    kill -KILL "$(sed -n "$1p" <<<"$workers")"
    ended_with 11
    grep -q 'the worker of the recorded process [0-9a-f]\{16\} was killed' err || fail "$(cat err)"
    assert_eq 1 "$(wc -l <err)" 'lines on stderr'
    python3 -c "import json; r = json.load(open('r.json')); assert not r['complete'] and r['ended_by'] == 'worker_died', r" ||
        fail r.json
}

nothing_stays() {
    local handles=0
    [ $# = 0 ] || handles='[0-9]*'
    grep -q 'closed /dev/dri/card' "$GPUALLOC_FAKE_DRM_LOG" || fail "no file was closed: $(cat "$GPUALLOC_FAKE_DRM_LOG")"
    ! grep -v "^closed .* with $handles handles\$\|^exit with 0 files and 0 dma-bufs open\$\|^stuck in " "$GPUALLOC_FAKE_DRM_LOG" ||
        fail 'the replay left something'
    rm -f "$GPUALLOC_FAKE_DRM_LOG"
}

as_user() {
    local user=$1 home=$work/home-$1; shift
    if [ "$(id -u)" != 0 ]; then
        mkdir -p "$home"
        (cd "$home" && HOME=$home LTTNG_HOME=$home exec "$@")
        return
    fi
    need setpriv
    if ! [ -d "$home" ]; then
        chmod 755 "$place" "$work"
        mkdir "$home"
        chown "$user:$user" "$home"
        reach_build "$user"
    fi
    [ ! -d "$place/build" ] || local BUILD=$place/build PATH=$place/build/bin:$PATH
    (cd "$home" && HOME=$home LTTNG_HOME=$home exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@")
}

# The build may lie where only root may look.
reach_build() {
    setpriv --reuid "$1" --regid "$1" --clear-groups test -x "$BUILD/bin/gpualloc" && return
    [ -n "${E2E_INSIDE:-}" ] || skip "uid $1 cannot read $BUILD"
    mkdir "$place/build"
    mount --bind "$BUILD" "$place/build"
}

start_session_daemon() {
    lttng-sessiond --daemonize --no-kernel --pidfile="$place/sessiond.pid" >"$place/sessiond.log" 2>&1 ||
        { cat "$place/sessiond.log" >&2; fail "lttng-sessiond did not start"; }
}
stop_session_daemon() { stop_recorded "$place/sessiond.pid"; }

# Ends the process whose pid is in a file: asks, then insists.
stop_recorded() {
    local pid tries
    pid=$(cat "$1" 2>/dev/null) || return 0
    rm -f "$1"
    kill "$pid" 2>/dev/null || return 0
    for tries in {1..100}; do alive "$pid" || return 0; sleep 0.05; done
    kill -KILL "$pid" 2>/dev/null || true
}

# --- the run ---------------------------------------------------------------------------------------------------------------

enter_namespaces() {
    [ "$(id -u)" = 0 ] && [ -z "${E2E_INSIDE:-}" ] || return 0
    if unshare --mount --pid --fork --mount-proc true 2>/dev/null; then
        E2E_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc --propagation private bash "$0" "$@"
    fi
    [ ! -S /run/lttng/client-lttng-sessiond ] || skip "root without namespaces cannot hide the session daemon that runs"
}

prepare() {
    unset LD_PRELOAD
    local name
    for name in ${!LTTNG_*} ${!GPUALLOC_*}; do unset "$name"; done
    export BUILD SOURCE
    BUILD=$(realpath "${BUILD:-$(dirname "$0")/../../build}") SOURCE=$(realpath "${SOURCE:-$(dirname "$0")/../..}")
    # A folder in PATH that may not be searched turns "not found" into "permission denied".
    local folders folder path=$BUILD/bin
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}"; do [ ! -x "$folder" ] || path+=:$folder; done
    export PATH=$path
    if [ -n "${E2E_INSIDE:-}" ]; then
        mkdir -p /run/lttng
        mount -t tmpfs -o mode=755 tmpfs /run/lttng
        mount -t tmpfs -o mode=1777,size="${E2E_SHM:-50%}" tmpfs /dev/shm
    fi
    place=$(mktemp -d "${TMPDIR:-/tmp}/gpualloc-e2e.XXXXXX")
    trap clean_up EXIT
    work=$place/work
    mkdir "$work" "$place/home" "$place/tmp"
    chmod 1777 "$place/tmp"
    export HOME=$place/home LTTNG_HOME=$place/home TMPDIR=$place/tmp
    # What a program does before LTTng has it registered is not recorded. On a busy machine that takes longer than UST waits by itself.
    # And a session daemon drops a program that has not answered for 5 s: until it comes again, nothing of it is recorded.
    export LTTNG_UST_REGISTER_TIMEOUT=120000 LTTNG_APP_SOCKET_TIMEOUT=120
    unset XDG_CACHE_HOME
}

# What still runs at the end, besides ourselves and the daemon that we started. Only root's process namespace can tell.
left_over() {
    local pid name
    for pid in $(cd /proc && echo [0-9]*); do
        name=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
        [ "$pid" = $$ ] || [ "$pid" = $BASHPID ] || ! alive "$pid" || echo "$name ($pid)"
    done
}
# Sets `left` to what is left for good: who was killed is there until the scheduler has let it die.
await_left_over() {
    local end=$((SECONDS + 10))
    until left=$(left_over); [ -z "$left" ] || [ $SECONDS -ge $end ]; do sleep 0.05; done
}

clean_up() {
    stop_session_daemon
    [ ! -d "$place/build" ] || umount "$place/build"
    rm -rf --one-file-system "$place"
}

run_script() {
    local script=$1 status=0 bound=${E2E_TIMEOUT:-900}; shift
    set -m
    (
        set -euo pipefail
        cd "$work"
        . "$script"
    ) </dev/null &
    local job=$!
    (sleep "$bound" && echo "FAILED: not finished within $bound s" >&2 && kill -KILL -- -$job) </dev/null >/dev/null &
    local watchdog=$!
    set +m
    wait $job || status=$?
    kill -- -$watchdog 2>/dev/null && wait $watchdog 2>/dev/null
    kill -KILL -- -$job 2>/dev/null && echo "note: the script left processes in its group" >&2
    return $status
}

main() {
    local script status=0 left
    script=$(realpath "$1"); shift
    need lttng-sessiond
    prepare
    start_session_daemon
    run_script "$script" "$@" || status=$?
    stop_session_daemon
    if [ -n "${E2E_INSIDE:-}" ] && [ $status = 0 ]; then
        await_left_over
        [ -z "$left" ] || { echo "FAILED: left running: $left" >&2; status=1; }
    fi
    exit $status
}

[ $# -ge 1 ] || { sed -n '2,3p' "$0" >&2; exit 2; }
enter_namespaces "$@"
main "$@"
