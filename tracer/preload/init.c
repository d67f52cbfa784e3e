/* The library's beginning and end in a process. */
#include <pthread.h>
#include <stddef.h>

#include "preload/debug.h"
#include "preload/files.h"
#include "preload/process.h"
#include "preload/real.h"
#include "preload/shape.h"
#include "preload/sink.h"
#include "preload/thread.h"

static void forked_child(void)
{
    process_renew();
    files_fork_child();
}

/* After LTTng's own constructor, which ours depends on. Wrappers have run before: they found no tracepoint enabled. */
__attribute__((constructor)) static void start(void)
{
    (void)real_get();
    debug_init();
    shape_init();
    thread_init();
    sink_init();
    capture_ops = &sink_lttng;
    process_init();
    if (pthread_atfork(files_fork_prepare, files_fork_parent, forked_child) != 0)
        debug_log("pthread_atfork failed: forked children will look like their parents");
    sink_rundown_register(process_rundown);
    process_announce();
}

__attribute__((destructor)) static void finish(void)
{
    process_finish();
    sink_rundown_unregister();
}
