/*
 * softgpu-cuse: makes /dev/dxg, a real character device, of softgpu's core: the second front end beside the preload library. The
 * kernel's CUSE module hands each open, ioctl and last close of the node to this process, which must be root.
 *
 * What the kernel does not hand on cannot be had here: a mapping of the device, and descriptors for the caller. So there is no
 * fence_address, and the requests that need the caller's address space answer STATUS_NOT_SUPPORTED.
 */
#define FUSE_USE_VERSION 312
#include <cuse_lowlevel.h>
#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cuse/callers.h"

#define NODE "/dev/dxg"
/* A call has its thread, however long it waits. Some stay free, or nobody would hear that a waiting caller is killed. */
enum { THREADS_MAX = 1024, THREADS_IDLE = 16, CALLS_MAX = THREADS_MAX - 24 };

static struct server {
    struct softgpu *gpu;
    struct fuse_session *session;
    mode_t mode;
    atomic_uint calls; /* under way */
    int ready; /* a pipe to the process that waits until the node is there, or -1 */
} server = {.mode = 0666, .ready = -1};

/* ---- What the kernel asks ------------------------------------------------------------------------------------------------- */

static void device_open(fuse_req_t request, struct fuse_file_info *file)
{
    struct caller *caller;
    int result = caller_open(server.gpu, fuse_req_ctx(request)->pid, &caller);
    if (result < 0) {
        fuse_reply_err(request, -result);
        return;
    }
    file->fh = (uintptr_t)caller;
    if (fuse_reply_open(request, file) == -ENOENT) /* who asked is gone */
        caller_close(server.gpu, caller);
}

static void device_release(fuse_req_t request, struct fuse_file_info *file)
{
    caller_close(server.gpu, (struct caller *)(uintptr_t)file->fh);
    fuse_reply_err(request, 0);
}

static bool is_interrupted(void *request)
{
    return fuse_req_interrupted(request);
}

static bool is_ending(void *request)
{
    (void)request;
    return fuse_session_exited(server.session);
}

/* The result is given as the driver's own: a value, an NTSTATUS among them, or a negative errno. */
static void device_ioctl(fuse_req_t request, int command, void *argument, struct fuse_file_info *file, unsigned flags,
                         const void *input, size_t input_size, size_t output_size)
{
    (void)input, (void)input_size, (void)output_size;
    const struct caller *caller = (const struct caller *)(uintptr_t)file->fh;
    struct caller_call call = {
        .thread = fuse_req_ctx(request)->pid, .interrupted = is_interrupted, .ending = is_ending, .request = request};
    struct softgpu_memory memory = caller_memory(&call);
    long result = -ENOTTY; /* another process's descriptor; or a 32-bit program, whose structures are laid out otherwise */
    if (atomic_fetch_add(&server.calls, 1) >= CALLS_MAX)
        result = -ENOMEM;
    else if (!(flags & FUSE_IOCTL_COMPAT) && caller_has(caller, call.thread))
        result = softgpu_ioctl(server.gpu, caller_place(caller), (unsigned)command, (uintptr_t)argument, &memory);
    atomic_fetch_sub(&server.calls, 1);
    fuse_reply_ioctl(request, (int)result, NULL, 0);
}

/* The driver has neither. */
static void device_read(fuse_req_t request, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)size, (void)offset, (void)file;
    fuse_reply_err(request, EINVAL);
}

static void device_write(fuse_req_t request, const char *data, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)data, (void)size, (void)offset, (void)file;
    fuse_reply_err(request, EINVAL);
}

/* The node is there now, unless the kernel refused it: then the session ends. */
static void device_made(void *user)
{
    (void)user;
    struct stat node;
    if (stat(NODE, &node) == -1 || chmod(NODE, server.mode) == -1) {
        fprintf(stderr, "softgpu-cuse: the kernel made no %s (%s); its log says more\n", NODE, strerror(errno));
        fuse_session_exit(server.session);
        return;
    }
    printf("%s is made of software\n", NODE);
    fflush(stdout);
    if (server.ready >= 0 && write(server.ready, "1", 1) == 1)
        close(server.ready);
    server.ready = -1;
}

static const struct cuse_lowlevel_ops device_ops = {
    .init_done = device_made,
    .open = device_open,
    .release = device_release,
    .ioctl = device_ioctl,
    .read = device_read,
    .write = device_write,
};

/* ---- The server ----------------------------------------------------------------------------------------------------------- */

static const char *get_variable(const char *name)
{
    return getenv(name);
}

static struct softgpu *make_state(void)
{
    struct softgpu_config config;
    const char *wrong;
    if (softgpu_config_read(&config, get_variable, &wrong) < 0) {
        fprintf(stderr, "softgpu-cuse: %s=%s cannot be understood: see abi/softgpu.h\n", wrong, getenv(wrong));
        return NULL;
    }
    void *state = mmap(NULL, SOFTGPU_STATE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int error = state == MAP_FAILED ? errno : -softgpu_init(state, &config);
    if (error == 0)
        return state;
    fprintf(stderr, "softgpu-cuse: memory for the device's state: %s\n", strerror(error));
    return NULL;
}

/* A descriptor is kept for each process that has the device open. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static bool can_be_made(void)
{
    if (access(NODE, F_OK) == 0) {
        fprintf(stderr, "softgpu-cuse: there is a %s already\n", NODE);
        return false;
    }
    if (access("/dev/cuse", R_OK | W_OK) == -1) {
        fprintf(stderr, "softgpu-cuse: /dev/cuse: %s; it needs root, and the kernel's module: modprobe cuse\n", strerror(errno));
        return false;
    }
    return true;
}

/* Answers until a signal ends it. */
static int serve(void)
{
    const char *information[] = {"DEVNAME=dxg"};
    const struct cuse_info info = {
        .dev_info_argc = 1, .dev_info_argv = information, .flags = CUSE_UNRESTRICTED_IOCTL};
    char name[] = "softgpu-cuse", foreground[] = "-f", *arguments[] = {name, foreground, NULL};
    int threads, result = 1;
    raise_limits();
    server.gpu = make_state();
    if (!server.gpu)
        return 1;
    server.session = cuse_lowlevel_setup(2, arguments, &info, &device_ops, &threads, NULL);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    if (server.session && config) {
        fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
        fuse_loop_cfg_set_idle_threads(config, THREADS_IDLE);
        result = fuse_session_loop_mt(server.session, config);
    }
    if (config)
        fuse_loop_cfg_destroy(config);
    if (server.session)
        cuse_lowlevel_teardown(server.session);
    munmap(server.gpu, SOFTGPU_STATE_SIZE);
    return result < 0 ? 1 : 0;
}

/* The server as a child; returns when the node is there, or the child has ended. */
static int serve_in_background(void)
{
    int ready[2], status;
    char byte;
    if (pipe(ready) == -1) {
        perror("softgpu-cuse");
        return 1;
    }
    pid_t child = fork();
    if (child == -1) {
        perror("softgpu-cuse");
        return 1;
    }
    if (child == 0) {
        close(ready[0]);
        setsid();
        server.ready = ready[1];
        return serve();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1)
        return 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

static void usage(FILE *out)
{
    fputs("Usage: softgpu-cuse [options]\n"
          "Makes " NODE ", a character device made of software, and answers for it until it is ended by a signal. Needs root and\n"
          "the kernel's module cuse. GPUALLOC_SOFTGPU_LOCAL, _SYSTEM, _ADAPTERS and _FAULTS set it up, as for --softgpu.\n\n"
          "  --mode MODE      rights on the node, octal (default 0666, as on WSL2)\n"
          "  --daemonize      go to the background once the node is there\n"
          "  -h, --help       this text\n",
          out);
}

static mode_t parse_mode(const char *text)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);
    if (end == text || *end || mode > 0777) {
        fprintf(stderr, "softgpu-cuse: '%s' is no octal mode up to 0777\n", text);
        exit(2);
    }
    return (mode_t)mode;
}

int main(int argc, char **argv)
{
    static const struct option table[] = {
        {"mode", required_argument, NULL, 'm'}, {"daemonize", no_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {0}};
    bool background = false;
    for (int option; (option = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        switch (option) {
        case 'm': server.mode = parse_mode(optarg); break;
        case 'd': background = true; break;
        case 'h': usage(stdout); return 0;
        default: usage(stderr); return 2;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return 2;
    }
    if (!can_be_made())
        return 1;
    return background ? serve_in_background() : serve();
}
