/*
 * Threads that make dumb buffers and free each other's: a handle's number is used again by one thread the moment another gives it
 * up, so that only the calls' intervals tell which buffer it means.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

enum { SLOTS = 16, THREADS_MAX = 64 };

static int fd;
static unsigned rounds;
static _Atomic uint32_t slots[SLOTS]; /* living buffers, 0 where there is none */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "drm_churn: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void give_up(uint32_t handle)
{
    struct drm_gem_close argument = {.handle = handle};
    if (handle && ioctl(fd, DRM_IOCTL_GEM_CLOSE, &argument))
        die("GEM_CLOSE");
}

static void *churn(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (unsigned i = 0; i < rounds; i++) {
        struct drm_mode_create_dumb create = {.width = 32, .height = 1 + rand_r(&seed) % 256, .bpp = 32};
        if (ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
            die("CREATE_DUMB");
        give_up(atomic_exchange(&slots[rand_r(&seed) % SLOTS], create.handle));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 4;
    pthread_t ids[THREADS_MAX];
    rounds = argc > 3 ? (unsigned)atoi(argv[3]) : 250;
    if (argc < 2 || threads < 1 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: drm_churn /dev/dri/cardN [THREADS [BUFFERS A THREAD]]\n");
        return 2;
    }
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(argv[1]);
    for (unsigned i = 0; i < threads; i++)
        if ((errno = pthread_create(&ids[i], NULL, churn, (void *)(uintptr_t)(i + 1))))
            die("thread");
    for (unsigned i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    for (unsigned i = 0; i < SLOTS; i++)
        give_up(slots[i]);
    close(fd);
    printf("%u buffers made and freed by %u threads\n", threads * rounds, threads);
    return 0;
}
