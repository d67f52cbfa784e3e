/* The environment: each fact from files as a kernel writes them, in a tree of the test's own. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "replayer/environment.h"

static char root[] = "/tmp/gpualloc-environment.XXXXXX";

static void put(const char *path, const char *text)
{
    char full[PATH_MAX];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void expect(struct json_object *e, const char *name, const char *json)
{
    struct json_object *value = json_object_object_get(e, name);
    assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), json);
}

static int remove_tree(void **state)
{
    (void)state;
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static int make_tree(void **state)
{
    (void)state;
    return mkdtemp(root) ? 0 : -1;
}

static void what_is_not_told_is_null(void **state)
{
    (void)state;
    struct json_object *e = replay_environment_at(root, NULL);
    const char *const names[] = {"governor", "debug_options", "tracing", "kernel_options", "power", "numa_nodes",
                                 "transparent_hugepages"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(json_object_object_get_ex(e, names[i], NULL));
        expect(e, names[i], "null");
    }
    const char *build = json_object_get_string(json_object_object_get(e, "gpualloc_build")); /* of no file in the tree */
    assert_int_equal(strlen(build), 16);
    assert_int_equal(strspn(build, "0123456789abcdef"), 16);
    assert_string_not_equal(build, "0000000000000000");
    json_object_put(e);
}

static void each_fact_is_found(void **state)
{
    (void)state;
    struct utsname name;
    char config[sizeof name.release + 16];
    uname(&name);
    snprintf(config, sizeof config, "/boot/config-%s", name.release);
    put(config, "CONFIG_KASAN=y\n# CONFIG_KCSAN is not set\nCONFIG_KASAN_INLINE=y\nCONFIG_PROVE_LOCKING=y\nCONFIG_DEBUG_VM=m\n");
    put("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=UUID=1-2 mitigations=off iommu=pt slub_debug=FZP quiet\n");
    put("/proc/cpuinfo", "processor\t: 0\nmodel name\t: Example CPU\nflags\t\t: fpu hypervisor sse\n\nprocessor\t: 1\n");
    put("/proc/loadavg", "0.50 0.40 0.30 1/100 1234\n");
    put("/proc/self/status", "Name:\tx\nTracerPid:\t77\n");
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    put("/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
    put("/sys/devices/system/cpu/cpufreq/boost", "1\n");
    put("/sys/devices/system/node/node0/cpulist", "0\n");
    put("/sys/devices/system/node/node1/cpulist", "1\n");
    put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("/sys/kernel/tracing/current_tracer", "function\n");
    put("/sys/kernel/tracing/set_event", "drm:drm_vblank_event\n");
    put("/sys/class/power_supply/AC/type", "Mains\n");
    put("/sys/class/power_supply/AC/online", "0\n");
    struct json_object *e = replay_environment_at(root, NULL);
    expect(e, "debug_options", "[\"slub_debug=FZP\",\"KASAN\",\"PROVE_LOCKING\"]");
    expect(e, "kernel_options", "[\"mitigations=off\",\"iommu=pt\"]");
    expect(e, "tracing", "[\"ftrace: tracer function\",\"ftrace: events, drm:drm_vblank_event first\","
                         "\"a debugger or strace on this process\"]");
    expect(e, "cpu", "\"Example CPU\"");
    expect(e, "virtual_machine", "true");
    expect(e, "governor", "\"performance\"");
    expect(e, "cpu_boost", "\"1\"");
    expect(e, "numa_nodes", "2");
    expect(e, "transparent_hugepages", "\"madvise\"");
    expect(e, "power", "\"battery\"");
    json_object_put(e);
    put("/sys/kernel/tracing/current_tracer", "nop\n"); /* as a kernel without any of this */
    put("/sys/kernel/tracing/set_event", "");
    put("/proc/self/status", "Name:\tx\nTracerPid:\t0\n");
    put("/proc/cmdline", "quiet\n");
    put(config, "CONFIG_SLUB_DEBUG=y\nCONFIG_KFENCE=y\n");
    e = replay_environment_at(root, NULL);
    expect(e, "debug_options", "[]");
    expect(e, "kernel_options", "[]");
    expect(e, "tracing", "[]");
    json_object_put(e);
}

static void the_device_and_its_users_are_found(void **state)
{
    (void)state;
    put("/gpu/power_state", "D0\n");
    put("/gpu/power/runtime_status", "active\n");
    put("/gpu/iommu_group/type", "identity\n");
    put("/gpu/pp_dpm_sclk", "0: 300Mhz \n1: 1100Mhz *\n2: 2400Mhz \n");
    put("/gpu/mem_info_vram_total", "8573157376\n");
    put("/gpu/mem_info_vram_used", "123456\n");
    put("/gpu/drm/card0/gt_max_freq_mhz", "1450\n");
    put("/gpu/drm/renderD128/dev", "226:128\n");
    put("/gpu/resource", "0x000000f0000000 0x000000f0ffffff 0x0000000000040200\n"
                         "0x0000000000e000 0x0000000000ffff 0x0000000000040101\n"
                         "0x00000800000000 0x00000bffffffff 0x000000000014220c\n");
    put("/proc/41/fd/x", "");
    put("/proc/42/fd/x", "");
    char link[PATH_MAX];
    snprintf(link, sizeof link, "%s/proc/42/fd/5", root);
    assert_int_equal(symlink("/dev/dri/renderD128", link), 0);
    struct json_object *e = replay_environment_at(root, "/gpu");
    expect(e, "gpu_power_state", "\"D0\"");
    expect(e, "gpu_runtime_status", "\"active\"");
    expect(e, "gpu_iommu", "\"identity\"");
    expect(e, "gpu_clock", "\"1100Mhz\"");
    expect(e, "gpu_vram_bytes", "8573157376");
    expect(e, "gpu_vram_used_bytes", "123456");
    expect(e, "gpu_max_mhz", "\"1450\"");
    expect(e, "gpu_bar_bytes", "17179869184");
    expect(e, "gpu_other_clients", "1");
    json_object_put(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_told_is_null),
        cmocka_unit_test(each_fact_is_found),
        cmocka_unit_test(the_device_and_its_users_are_found),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
