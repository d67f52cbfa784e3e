# Every wrong command line and every missing thing that record and run can meet: one clear line, a documented exit status, nothing
# left running or half-written.
need_built libgpualloc-trace.so

wrong() { # STATUS REGEX ARGUMENT…
    local status=$1 regex=$2; shift 2
    expect_status "$status" gpualloc "$@"
    expect_one_line_stderr
    expect_stderr "$regex"
    [ ! -s "$stdout" ] || fail "something on stdout: $(cat "$stdout")"
}

# The command line itself.
expect_status 2 gpualloc
wrong 2 'unknown verb nosuch' nosuch
wrong 2 'unknown option --nosuch' --nosuch
expect_status 0 gpualloc -h
expect_stdout 'record .*[A-Z]'
expect_status 0 gpualloc --version
expect_status 0 gpualloc record -h
expect_stdout 'Usage: gpualloc record'
wrong 125 'unknown option --nosuch' record --nosuch -- true
wrong 125 'unknown option --nosuch' run --nosuch -- true
wrong 125 'too few arguments' record
wrong 125 'a value is missing after -o' record -o
wrong 125 '--subbuf-size cannot be 1Q' record --subbuf-size 1Q -- true
wrong 125 '--subbuf-size must be a power of two' record --subbuf-size 3M -- true
wrong 125 '--subbufs must be a power of two' record --subbufs 3 -- true
wrong 125 "no event matches --events 'nosuch:\*'" record --events 'nosuch:*' -- true
[ -z "$(ls)" ] || fail "wrong options left something: $(ls)"

# The output directory.
mkdir full; touch full/file
wrong 125 'output full exists and is not empty' record -o full -- true
touch file
wrong 125 'output file: Not a directory' record -o file -- true
wrong 125 'cannot make output no/such/place: No such file or directory' record -o no/such/place -- true
ls full >listing; assert_eq file "$(cat listing)" "what was in the output directory"
mkdir empty
expect_status 0 gpualloc record -o empty -- true
[ -e empty/gpualloc.json ] || fail "an empty directory was not used"
mkdir kept
wrong 127 'cannot run nosuch' record -o kept -- nosuch
[ -d kept ] && [ -z "$(ls kept)" ] || fail "an empty directory of the user's was taken away, or not emptied"
if [ "$(id -u)" = 0 ]; then
    mkdir locked; chmod 755 locked
    expect_status 125 as_user 65534 gpualloc record -o "$work/locked/T" -- true
    expect_stderr "cannot make output $work/locked/T: Permission denied"
    expect_one_line_stderr
    expect_status 125 as_user 65534 gpualloc record -o "$work/locked" -- true
    expect_stderr "output $work/locked: Permission denied"
fi

# Buffers that do not fit.
wrong 125 '/dev/shm has .* free and the buffers need' record --subbuf-size 512G -o shm -- true
[ ! -e shm ] || fail "output of a recording that never began"

# No session daemon to be had.
stop_session_daemon
mkdir bin
for tool in true sh env; do ln -s "$(command -v $tool)" bin; done
gpualloc=$(command -v gpualloc)
without_daemon() { PATH=$work/bin "$gpualloc" "$@"; }
expect_status 125 without_daemon record -o T -- true
expect_stderr 'no session daemon runs, and lttng-sessiond is not in PATH'
expect_one_line_stderr
printf '#!/bin/sh\necho "Error: it is broken" >&2\nexit 1\n' >bin/lttng-sessiond
chmod +x bin/lttng-sessiond
expect_status 125 without_daemon record -o T -- true
expect_stderr 'lttng-sessiond did not start: it is broken'
expect_one_line_stderr
if [ "$(id -u)" = 0 ]; then
    expect_status 125 as_user 65534 env LTTNG_HOME=/proc/nowhere gpualloc record -o T -- true
    expect_stderr 'cannot make /proc/nowhere/.lttng, where LTTng keeps its sockets; set LTTNG_HOME'
    expect_one_line_stderr
    expect_status 125 as_user 65534 env -u LTTNG_HOME -u HOME gpualloc record -o T -- true
    expect_stderr 'neither LTTNG_HOME nor HOME is set'
    expect_one_line_stderr
    [ ! -e "$work/home-65534/T" ] || fail "output of a recording that never began"
fi
[ ! -e T ] || fail "output of a recording that never began"
assert_eq "" "$(processes_named lttng-sessiond)" "session daemons left"
