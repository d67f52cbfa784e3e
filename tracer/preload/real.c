/* Resolving the functions behind our wrappers. */
#include "preload/real.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

static struct real_functions real;

static int look_for_helper(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (info->dlpi_name && strstr(info->dlpi_name, "/liblttng-ust-fork.so"))
        real.fork_helper = true;
    return 0;
}

const struct real_functions *real_ready(void)
{
    return __builtin_expect(__atomic_load_n(&real.ready, __ATOMIC_ACQUIRE), 1) ? &real : NULL;
}

const struct real_functions *real_get(void)
{
    /* Two threads may both do this: they store the same values. ready comes last. */
    if (__builtin_expect(!__atomic_load_n(&real.ready, __ATOMIC_ACQUIRE), 0)) {
#define F(result, name, parameters) real.name = (result(*) parameters)dlsym(RTLD_NEXT, #name);
        REAL_FUNCTIONS(F)
#undef F
        dl_iterate_phdr(look_for_helper, NULL);
        __atomic_store_n(&real.ready, true, __ATOMIC_RELEASE);
    }
    return &real;
}
