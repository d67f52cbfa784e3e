# The preload library shows the program its wrappers and nothing else: a symbol too many would take a place in somebody's program,
# one too few would leave a hole in the capture.
need_built libgpualloc-trace.so
need nm readelf
library=$BUILD/lib/libgpualloc-trace.so

{ sed -nE 's/^THUNK(_OLDER)?\(([A-Za-z0-9]+),.*/D3DKMT\2/p' "$SOURCE/tracer/preload/thunks.inc"; echo D3DKMTShareObjects
cat <<'SYMBOLS'
__open64_2
__open_2
__openat64_2
__openat_2
clone
close
close_range
closefrom
daemon
dup
dup2
dup3
fcntl
fcntl64
fork
forkpty
gpualloc_annotate_name
gpualloc_annotate_part
ioctl
mmap
mmap64
mremap
munmap
open
open64
openat
openat64
pidfd_getfd
recvmmsg
recvmsg
SYMBOLS
} | LC_ALL=C sort >expected
[ "$(grep -c '^D3DKMT' expected)" -ge 56 ] || fail "thunks.inc was not understood"
# Sanitizers and coverage add their own.
nm -D --defined-only "$library" | awk '{ print $3 }' |
    grep -vE '^(__asan_|__odr_asan|__ubsan_|__tsan_|__llvm_|__sanitizer)' | LC_ALL=C sort >found
diff expected found || fail "other symbols than the wrappers"

# LTTng and the C library only; static TLS only, as the first use in a signal handler must not allocate.
readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
if grep -vE '^(liblttng-ust(-common)?\.so\.1|libc\.so\.6|ld-linux.*|lib(asan|ubsan|tsan)\.so.*)$' needed; then
    fail "the library needs more than LTTng and the C library"
fi
if grep -q __tls_get_addr < <(nm -D --undefined-only "$library"); then
    grep -q 'libasan\|libtsan' < <(readelf -d "$library") || fail "dynamic TLS: __tls_get_addr is used"
fi
