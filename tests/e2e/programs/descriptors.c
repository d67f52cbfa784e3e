/*
 * descriptors: takes a device's descriptor through all the ways that programs know: dup, dup2, dup3, fcntl, a Unix socket, fork, a
 * number used again after close and after a close that no wrapper sees. Prints how many open file descriptions it made and how many
 * ended while it ran.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dxg.h"

static int made, ended;

/* One request through a descriptor: it is identified at the first. */
static void use(int fd)
{
    struct D3DKMT_ADAPTERINFO adapters[8];
    struct D3DKMT_ENUMADAPTERS2 all = {.NumAdapters = 8, .pAdapters = adapters};
    if (ioctl(fd, DXG_IOCTL(0x14, struct D3DKMT_ENUMADAPTERS2), &all) != 0)
        dxg_die("ENUMADAPTERS2");
}

static int open_device(void)
{
    int fd = open("/dev/dxg", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        dxg_die("/dev/dxg");
    made++;
    return fd;
}

/* The descriptor sent to ourselves: another number for the same description. */
static int send_to_self(int fd)
{
    int ends[2], received = -1;
    char byte = 0;
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec vector = {&byte, 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        dxg_die("socketpair");
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(ends[0], &message, 0) != 1 || recvmsg(ends[1], &message, 0) != 1)
        dxg_die("message");
    memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
    close(ends[0]);
    close(ends[1]);
    return received;
}

int main(void)
{
    int first = open_device();
    use(first);
    int copies[] = {dup(first), dup2(first, 400), dup3(first, 401, O_CLOEXEC), fcntl(first, F_DUPFD, 402),
                    fcntl(first, F_DUPFD_CLOEXEC, 403), send_to_self(first), (int)syscall(SYS_dup, first)};
    enum { COPIES = sizeof copies / sizeof *copies };
    for (int i = 0; i < COPIES; i++)
        use(copies[i]);

    /* A second description, then its number taken by the first one. */
    int second = open_device();
    use(second);
    if (dup2(first, second) != second)
        dxg_die("dup2");
    ended++;
    use(second);
    if (dup2(-1, second) != -1)
        dxg_die("dup2 of nothing");
    use(second);
    close(second);

    /* A number used again, after a close that is seen and one that is not. */
    int third = open_device();
    use(third);
    close(third);
    ended++;
    int fourth = open_device();
    use(fourth);
    (void)syscall(SYS_close, fourth);
    int fifth = open_device();
    ended++; /* seen when its number comes back */
    if (fifth != fourth)
        dxg_die("another number");
    use(fifth);
    close(fifth);
    ended++;

    /* A child closes its own copies only. */
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < COPIES; i++)
            close(copies[i]);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    use(first);

    close(first);
    for (int i = 0; i < COPIES - 1; i++)
        close(copies[i]);
    use(copies[COPIES - 1]); /* still the first description */
    close(copies[COPIES - 1]);
    ended++;
    printf("%d %d\n", made, ended);
    return 0;
}
