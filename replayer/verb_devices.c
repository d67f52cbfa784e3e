/* gpualloc devices: what there is to record from and replay on. */
#include <stdio.h>

#include <json-c/json.h>

#include "base/error.h"
#include "launch/launch.h"
#include "replayer/devices.h"
#include "replayer/verbs.h"

static struct {
    bool json, softgpu;
} asked;

static const struct ga_option options[] = {
    {.name = "json", .kind = GA_OPTION_FLAG, .value = &asked.json, .help = "print JSON"},
    {.name = "softgpu", .kind = GA_OPTION_FLAG, .value = &asked.softgpu, .help = "list a /dev/dxg made of software, too"},
    {0},
};

static const char *backend_of(const struct replay_node *node)
{
    const struct replay_backend *backend = *node->error.text ? NULL : replay_backend_for_driver(node->driver);
    return backend ? backend->name : "";
}

static void print_text(const struct replay_nodes *nodes)
{
    if (!nodes->count)
        printf("No DRM node and no /dev/dxg here. --softgpu lists the one made of software, which record, run and replay offer.\n");
    else
        printf("%-22s %-12s %-20s %s\n", "node", "driver", "version", "backend");
    for (uint32_t n = 0; n < nodes->count; n++) {
        const struct replay_node *node = &nodes->list[n];
        if (*node->error.text) {
            printf("%-22s %s\n", node->node, node->error.text);
            continue;
        }
        printf("%-22s %-12s %-20s %s%s\n", node->node, node->driver, *node->version ? node->version : "-", backend_of(node),
               node->software ? "  (software, no hardware)" : "");
        for (uint32_t a = 0; a < node->adapter_count; a++)
            printf("  adapter %u: %s\n", a, *node->adapters[a] ? node->adapters[a] : "(does not say its name)");
    }
    printf("\nbackends:\n");
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++)
        printf("  %-12s %s%s\n", (*backend)->name, (*backend)->summary, (*backend)->unmet ? " (never run on hardware)" : "");
}

static struct json_object *node_object(const struct replay_node *node)
{
    struct json_object *object = json_object_new_object();
    json_object_object_add(object, "node", json_object_new_string(node->node));
    if (*node->error.text) {
        json_object_object_add(object, "error", json_object_new_string(node->error.text));
        return object;
    }
    json_object_object_add(object, "driver", json_object_new_string(node->driver));
    json_object_object_add(object, "driver_version", json_object_new_string(node->version));
    json_object_object_add(object, "backend", json_object_new_string(backend_of(node)));
    json_object_object_add(object, "software", json_object_new_boolean(node->software));
    if (node->adapter_count) {
        struct json_object *adapters = json_object_new_array();
        for (uint32_t a = 0; a < node->adapter_count; a++)
            json_object_array_add(adapters, json_object_new_string(node->adapters[a]));
        json_object_object_add(object, "adapters", adapters);
    }
    return object;
}

static void print_json(const struct replay_nodes *nodes)
{
    struct json_object *root = json_object_new_object(), *devices = json_object_new_array(), *backends = json_object_new_array();
    json_object_object_add(root, "schema_version", json_object_new_int(1));
    for (uint32_t n = 0; n < nodes->count; n++)
        json_object_array_add(devices, node_object(&nodes->list[n]));
    json_object_object_add(root, "devices", devices);
    for (const struct replay_backend *const *backend = replay_backends; *backend; backend++) {
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "name", json_object_new_string((*backend)->name));
        json_object_object_add(object, "summary", json_object_new_string((*backend)->summary));
        json_object_object_add(object, "never_run_on_hardware", json_object_new_boolean((*backend)->unmet));
        json_object_array_add(backends, object);
    }
    json_object_object_add(root, "backends", backends);
    puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(root);
}

static int run(int argc, char **argv)
{
    (void)argc, (void)argv;
    struct ga_error error;
    struct replay_nodes nodes = {0};
    int result = asked.softgpu ? ga_launch_reexec(GA_LAUNCH_SOFTGPU, &error) : 0;
    if (result == 0)
        result = replay_nodes_find(&nodes, &error);
    if (result < 0) {
        ga_error_print("devices", &error);
        return GA_EXIT_FAILURE;
    }
    (asked.json ? print_json : print_text)(&nodes);
    replay_nodes_release(&nodes);
    return GA_EXIT_OK;
}

const struct ga_verb verb_devices = {
    .name = "devices",
    .summary = "Lists the GPU devices here, and what replays on each",
    .synopsis = "[--json] [--softgpu]",
    .options = options,
    .max_args = 0,
    .run = run,
};
