# Signals: what is sent to gpualloc reaches the program, and the recording ends with the program, complete and cleaned up.
need_built libgpualloc-trace.so

started() { [ -e started ]; }
interrupt() { # SIGNAL EXPECTED-STATUS PROGRAM…
    local signal=$1 expected=$2 status=0; shift 2
    rm -rf started T
    # Job control off, bash starts background jobs with SIGINT ignored; a program inherits that, so give it back.
    env --default-signal gpualloc record -o T -- "$@" 2>errors & local pid=$!
    wait_until 10 started
    kill -"$signal" $pid
    wait $pid || status=$?
    assert_eq "$expected" "$status" "exit status after SIG$signal"
    grep -q 'trace in T' errors || fail "no summary after SIG$signal: $(cat errors)"
    grep -q gpualloc- < <(lttng list 2>&1) && fail "a session stayed after SIG$signal"
    true
}
interrupt INT 130 sh -c 'touch started; exec sleep 30'
interrupt TERM 143 sh -c 'touch started; exec sleep 30'
interrupt HUP 129 sh -c 'touch started; exec sleep 30'
# A program that handles it ends as it likes.
interrupt INT 9 sh -c 'trap "exit 9" INT; touch started; while :; do sleep 0.1; done'
# One that ignores it goes on, and so does the recording.
interrupt TERM 0 sh -c 'trap "" TERM; touch started; sleep 1'

# Ctrl-C on a terminal goes to the whole foreground group: the program gets it once, and gpualloc prints its summary.
cat >count.py <<'END'
# Ends with 10 and the number of SIGINTs: the first is waited for, others have a second to come.
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
open("started", "w").close()
count = 0
while signal.sigtimedwait([signal.SIGINT], 1 if count else 600) is not None:
    count += 1
sys.exit(10 + count)
END
cat >terminal.py <<'END'
# Runs a command on a terminal, presses Ctrl-C once it has started, and ends with its exit status.
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while not os.path.exists("started"):
    time.sleep(0.02)
time.sleep(0.2)
os.write(terminal, b"\x03")
output = b""
try:
    while chunk := os.read(terminal, 4096):
        output += chunk
except OSError:
    pass
sys.stdout.buffer.write(output)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
rm -rf started T
need python3
expect_status 11 python3 terminal.py env --default-signal gpualloc record -o T -- python3 count.py
expect_stdout 'trace in T'
