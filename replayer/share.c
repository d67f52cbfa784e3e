/* Shared memory and descriptors: see share.h. */
#include "replayer/share.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HEAD = 64 /* bytes before what is given out: the mapping's size */ };

void *replay_share(size_t size, bool shared)
{
    int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE;
    size_t *head = mmap(NULL, size + HEAD, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (head == MAP_FAILED)
        return NULL;
    madvise(head, size + HEAD, MADV_HUGEPAGE);
    if (madvise(head, size + HEAD, MADV_POPULATE_WRITE) < 0) /* older than Linux 5.14 */
        memset(head, 0, size + HEAD);
    *head = size + HEAD;
    return (char *)head + HEAD;
}

void replay_unshare(void *memory)
{
    size_t *head = memory ? (size_t *)(void *)((char *)memory - HEAD) : NULL;
    if (head)
        munmap(head, *head);
}

int replay_fetch_descriptor(pid_t process, int fd)
{
    int handle = (int)syscall(SYS_pidfd_open, process, 0u);
    int fetched = handle < 0 ? -errno : (int)syscall(SYS_pidfd_getfd, handle, fd, 0u);
    if (handle >= 0 && fetched < 0)
        fetched = -errno;
    if (handle >= 0)
        close(handle);
    return fetched;
}

/* The kernel's own rule (yama) lets only a parent take what a process has, unless that says otherwise. */
void replay_lend_descriptors(void) { prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0ul, 0ul, 0ul); }

bool replay_can_fetch_descriptors(void)
{
    int pair[2];
    if (pipe(pair) < 0)
        return false;
    int fd = replay_fetch_descriptor(getpid(), pair[0]);
    if (fd >= 0)
        close(fd);
    close(pair[0]);
    close(pair[1]);
    return fd >= 0;
}
