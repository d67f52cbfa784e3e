/* Descriptors that go to another process over a socket, for the clients of virtual machines. */
#ifndef GPUALLOC_TESTS_VM_PASS_H
#define GPUALLOC_TESTS_VM_PASS_H

#include <string.h>
#include <sys/socket.h>

union pass_control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

/* 0, or -1 with errno. */
static inline int pass_send(int to, int fd)
{
    char byte = 0;
    union pass_control control = {0};
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    return sendmsg(to, &message, 0) == 1 ? 0 : -1;
}

/* The descriptor; -1 when nothing comes any more, or something else. */
static inline int pass_receive(int from)
{
    char byte;
    int fd;
    union pass_control control;
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1 || control.header.cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
    return fd;
}

#endif
