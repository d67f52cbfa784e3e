/*
 * make-trace: writes a trace without recording one: a scenario told by hand, or any number of calls of a made-up program.
 * The same options give the same bytes. For benchmarks (any size) and tests (losses, inversions, broken streams on demand).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "trace/scenario.h"

#define EPOCH_OFFSET 1700000000000000000 /* ns: the trace's clock starts in November 2023 */

struct settings {
    uint64_t calls, processes, threads, cpus, elements, private_data, distinct, surfaces, live, leak, resident, seed, gap, packet;
    uint64_t compact;
    uint64_t lose_calls, lose_elements, lose_blobs, discard, inversions, cut, cross;
};

static struct settings settings = {
    .calls = 1000,
    .processes = 1,
    .threads = 1,
    .cpus = 1,
    .elements = 2,
    .private_data = 64,
    .distinct = 100,
    .surfaces = 50,
    .live = 64,
    .gap = 5000,
};
static const char *interface = "d3dkmt", *scenario_path, *output;

static const struct {
    const char *name, *help;
    uint64_t *value;
} numbers[] = {
    {"calls", "calls to make", &settings.calls},
    {"processes", "processes of the program", &settings.processes},
    {"threads", "threads of each process", &settings.threads},
    {"cpus", "CPUs, hence streams; threads take turns on them", &settings.cpus},
    {"elements", "d3dkmt: allocations of one call, at most", &settings.elements},
    {"private-data", "d3dkmt: bytes of private data of each allocation", &settings.private_data},
    {"distinct", "different contents of private data", &settings.distinct},
    {"surfaces", "d3dkmt: different surfaces", &settings.surfaces},
    {"live", "objects that a thread holds, about", &settings.live},
    {"leak", "objects that each thread leaves", &settings.leak},
    {"resident", "d3dkmt 1: each allocation is made resident and mapped at a GPU address", &settings.resident},
    {"gap", "ns between calls, on average", &settings.gap},
    {"seed", "another number, another trace", &settings.seed},
    {"packet", "bytes of a packet (0: 1 MiB)", &settings.packet},
    {"compact", "1: compact event headers", &settings.compact},
    {"lose-calls", "calls whose event is left out", &settings.lose_calls},
    {"lose-elements", "elements left out", &settings.lose_elements},
    {"lose-blobs", "contents of private data left out", &settings.lose_blobs},
    {"discard", "events that the packets say were discarded", &settings.discard},
    {"cross", "1: threads destroy each other's objects", &settings.cross},
    {"inversions", "destroys told after the create that reuses their handle", &settings.inversions},
    {"cut", "bytes cut off the first stream's end", &settings.cut},
};

/* A program's object: a resource with its allocations, or a GEM buffer. */
struct object {
    uint32_t resource, handles[16], count;
};

struct process {
    uint64_t id;
    uint32_t pid, next_handle;
    uint32_t *free_handles; /* given back, reused last first */
    size_t free_count, free_room;
};

struct thread {
    struct process *process;
    uint32_t ordinal, tid, cpu;
    uint64_t call;
    struct object *objects;
    size_t object_count;
};

struct world {
    struct ctf *ctf;
    struct ga_error *error;
    uint64_t random, clock;
    struct process *processes;
    struct thread *threads;
    size_t thread_count;
    uint64_t alive; /* objects of all threads */
    uint64_t calls, events, made, freed, most /* alive */, lost_calls, lost_elements, lost_blobs, inverted;
    uint64_t *sent; /* by content: sent before */
    int result;
};

static uint64_t random_next(struct world *world)
{
    uint64_t x = world->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t random_below(struct world *world, uint64_t limit)
{
    return limit ? random_next(world) % limit : 0;
}

static void emit(struct world *world, uint32_t cpu, enum ga_row_id row, const void *record)
{
    if (world->result >= 0)
        world->result = ctf_write(world->ctf, cpu, world->clock, &ga_rows[row], record, world->error);
    world->events++;
    world->clock += 20;
}

/* Whether this one of many is to be left out, evenly spread; counts it. */
static bool leave_out(uint64_t wanted, uint64_t *done, uint64_t at, uint64_t of)
{
    if (*done >= wanted || at * wanted < *done * of + of / 2)
        return false;
    ++*done;
    return true;
}

static struct ga_call_header header_make(struct world *world, struct thread *thread, enum ga_row_id row)
{
    uint64_t duration = 800 + random_below(world, 1200);
    if (!random_below(world, 50))
        duration += random_below(world, 40000); /* now and then a slow one */
    world->clock += random_below(world, 2 * settings.gap) + duration;
    return (struct ga_call_header){
        .process = thread->process->id,
        .call = ++thread->call,
        .begin = world->clock - duration,
        .end = world->clock - 50,
        .pid = thread->process->pid,
        .tid = thread->tid,
        .thread = thread->ordinal,
        .size = ga_rows[row].abi_size,
    };
}

/* Writes a call's own event, or leaves it out. */
static void emit_call(struct world *world, struct thread *thread, enum ga_row_id row, const void *record)
{
    uint64_t alive = world->made - world->freed;
    world->most = alive > world->most ? alive : world->most;
    world->calls++;
    if (leave_out(settings.lose_calls, &world->lost_calls, world->calls, settings.calls))
        return;
    emit(world, thread->cpu, row, record);
}

static uint32_t handle_take(struct process *process, bool gem)
{
    if (process->free_count)
        return process->free_handles[--process->free_count];
    return gem ? ++process->next_handle : 0x40000000u | ++process->next_handle << 6;
}

static void handle_give(struct process *process, uint32_t handle)
{
    if (process->free_count == process->free_room) {
        process->free_room = process->free_room ? 2 * process->free_room : 64;
        process->free_handles = realloc(process->free_handles, process->free_room * sizeof *process->free_handles);
        if (!process->free_handles)
            abort();
    }
    process->free_handles[process->free_count++] = handle;
}

static uint64_t send_blob(struct world *world, struct thread *thread, uint64_t content)
{
    uint32_t size = (uint32_t)settings.private_data, word_count = (size + 7) / 8;
    if (!size)
        return GA_BLOB_EMPTY;
    static uint64_t words[GA_BLOB_MAX / 8];
    memset(words, 0, word_count * 8);
    for (uint32_t i = 0; i < size; i++)
        ((unsigned char *)words)[i] = (unsigned char)(content >> (i % 8 * 8)) ^ (unsigned char)(i / 8);
    uint64_t hash = XXH3_64bits(words, size);
    hash += hash < GA_BLOB_FIRST_HASH ? GA_BLOB_FIRST_HASH : 0;
    if (world->sent[content]++)
        return hash;
    if (world->lost_blobs < settings.lose_blobs) {
        world->lost_blobs++;
        return hash;
    }
    for (uint32_t at = 0; at < word_count; at += GA_BLOB_CHUNK_WORDS) {
        struct ga_gpualloc_blob piece = {.hash = hash,
                                         .size = size,
                                         .offset = at * 8,
                                         .words_list = words + at,
                                         .words_length =
                                             word_count - at < GA_BLOB_CHUNK_WORDS ? word_count - at : GA_BLOB_CHUNK_WORDS};
        emit(world, thread->cpu, GA_ROW_gpualloc_blob, &piece);
    }
    return hash;
}

/* GPU addresses, by the allocation: given again with its handle, with a hole between any two. */
enum { GPU_PAGES = 16, GPU_PAGE = 4096 };
static uint64_t gpu_address(uint32_t handle)
{
    return (1ULL << 40) + (uint64_t)(handle >> 6 & 0xffffff) * 2 * GPU_PAGES * GPU_PAGE;
}

/* d3dkmt: makes an object's allocations resident, and maps each. */
static void d3dkmt_use(struct world *world, struct thread *thread, const struct object *object)
{
    uint32_t handles[16];
    memcpy(handles, object->handles, sizeof handles);
    struct ga_d3dkmt_make_resident record = {.header = header_make(world, thread, GA_ROW_d3dkmt_make_resident),
                                             .hPagingQueue = 0x40000080,
                                             .NumAllocations = object->count,
                                             .NumAllocations_out = object->count,
                                             .AllocationList_list = handles,
                                             .AllocationList_length = object->count};
    emit_call(world, thread, GA_ROW_d3dkmt_make_resident, &record);
    for (uint32_t i = 0; i < object->count; i++) {
        struct ga_d3dkmt_map_gpu_virtual_address map = {.header = header_make(world, thread, GA_ROW_d3dkmt_map_gpu_virtual_address),
                                                        .hPagingQueue = 0x40000080,
                                                        .hAllocation = handles[i],
                                                        .SizeInPages = GPU_PAGES,
                                                        .VirtualAddress = gpu_address(handles[i])};
        emit_call(world, thread, GA_ROW_d3dkmt_map_gpu_virtual_address, &map);
    }
}

/* d3dkmt: gives an object's GPU addresses back. */
static void d3dkmt_unmap(struct world *world, struct thread *thread, const struct object *object)
{
    for (uint32_t i = 0; i < object->count; i++) {
        struct ga_d3dkmt_free_gpu_virtual_address record = {.header =
                                                                header_make(world, thread, GA_ROW_d3dkmt_free_gpu_virtual_address),
                                                            .hAdapter = 0x40000000,
                                                            .BaseAddress = gpu_address(object->handles[i]),
                                                            .Size = GPU_PAGES * GPU_PAGE};
        emit_call(world, thread, GA_ROW_d3dkmt_free_gpu_virtual_address, &record);
    }
}

/* d3dkmt: a resource with one or more allocations. */
static void d3dkmt_create(struct world *world, struct thread *thread)
{
    struct object *object = &thread->objects[thread->object_count++];
    uint64_t limit = settings.elements < 16 ? settings.elements : 16;
    *object =
        (struct object){.resource = handle_take(thread->process, false), .count = 1 + (uint32_t)random_below(world, limit)};
    uint64_t surface = 0x1000 + random_below(world, settings.surfaces) * 0x40; /* before the header, which is random, too */
    struct ga_d3dkmt_create_allocation record = {
        .header = header_make(world, thread, GA_ROW_d3dkmt_create_allocation),
        .hDevice = 0x40000040,
        .NumAllocations = object->count,
        .pAllocationInfo2 = 0x7f0000001000,
        .pAllocationInfo2_captured = object->count,
        .Flags = 1,
        .Flags_out = 1,
        .hResource_out = object->resource,
        .hPrivateRuntimeResourceHandle = surface,
    };
    for (uint32_t i = 0; i < object->count; i++) {
        uint64_t hash = send_blob(world, thread, random_below(world, settings.distinct));
        struct ga_d3dkmt_allocation element = {
            .header = {.process = record.header.process,
                       .call = record.header.call,
                       .thread = thread->ordinal,
                       .index = i,
                       .size = ga_rows[GA_ROW_d3dkmt_allocation].abi_size},
            .hAllocation = object->handles[i] = handle_take(thread->process, false),
            .pPrivateDriverData = 0x7f0000002000,
            .pPrivateDriverData_hash = hash,
            .pPrivateDriverData_out_hash = hash,
            .PrivateDriverDataSize = (uint32_t)settings.private_data,
        };
        world->made++;
        if (!leave_out(settings.lose_elements, &world->lost_elements, world->made, settings.calls / 2))
            emit(world, thread->cpu, GA_ROW_d3dkmt_allocation, &element);
    }
    emit_call(world, thread, GA_ROW_d3dkmt_create_allocation, &record);
    if (settings.resident)
        d3dkmt_use(world, thread, object);
}

/* The call begins, and the kernel has given the handles back. */
static struct ga_d3dkmt_destroy_allocation d3dkmt_destroy_begin(struct world *world, struct thread *thread,
                                                                const struct object *object)
{
    struct ga_d3dkmt_destroy_allocation record = {
        .header = header_make(world, thread, GA_ROW_d3dkmt_destroy_allocation),
        .hDevice = 0x40000040,
        .hResource = object->resource,
        .Flags = 1,
    };
    for (uint32_t i = 0; i < object->count; i++)
        handle_give(thread->process, object->handles[i]);
    handle_give(thread->process, object->resource);
    world->freed += object->count;
    return record;
}

static void d3dkmt_destroy(struct world *world, struct thread *thread, const struct object *object)
{
    if (settings.resident)
        d3dkmt_unmap(world, thread, object);
    struct ga_d3dkmt_destroy_allocation record = d3dkmt_destroy_begin(world, thread, object);
    emit_call(world, thread, GA_ROW_d3dkmt_destroy_allocation, &record);
}

/* DRM: buffers of 4 KiB to 16 MiB. */
static void drm_create(struct world *world, struct thread *thread)
{
    struct object *object = &thread->objects[thread->object_count++];
    *object = (struct object){.handles = {handle_take(thread->process, true)}, .count = 1};
    uint32_t width = 32u << random_below(world, 7), height = 32u << random_below(world, 7);
    world->made++;
    if (!strcmp(interface, "dumb")) {
        struct ga_drm_mode_create_dumb record = {.header = header_make(world, thread, GA_ROW_drm_mode_create_dumb),
                                                 .width = width,
                                                 .height = height,
                                                 .bpp = 32,
                                                 .handle = object->handles[0],
                                                 .pitch = width * 4,
                                                 .size = (uint64_t)width * height * 4};
        record.header.file = thread->process->id + 1;
        record.header.device = 0xe200;
        emit_call(world, thread, GA_ROW_drm_mode_create_dumb, &record);
        return;
    }
    struct ga_drm_virtgpu_resource_create record = {.header = header_make(world, thread, GA_ROW_drm_virtgpu_resource_create),
                                                    .target = 2,
                                                    .format = 1,
                                                    .bind = 2,
                                                    .width = width,
                                                    .height = height,
                                                    .depth = 1,
                                                    .array_size = 1,
                                                    .bo_handle_out = object->handles[0],
                                                    .res_handle_out = object->handles[0] + 1000,
                                                    .size = width * height * 4};
    record.header.file = thread->process->id + 1;
    record.header.device = 0xe280;
    emit_call(world, thread, GA_ROW_drm_virtgpu_resource_create, &record);
}

static struct ga_drm_gem_close drm_destroy_begin(struct world *world, struct thread *thread, const struct object *object)
{
    struct ga_drm_gem_close record = {.header = header_make(world, thread, GA_ROW_drm_gem_close), .handle = object->handles[0]};
    record.header.file = thread->process->id + 1;
    record.header.device = strcmp(interface, "dumb") ? 0xe280 : 0xe200;
    handle_give(thread->process, object->handles[0]);
    world->freed++;
    return record;
}

static void drm_destroy(struct world *world, struct thread *thread, const struct object *object)
{
    struct ga_drm_gem_close record = drm_destroy_begin(world, thread, object);
    emit_call(world, thread, GA_ROW_drm_gem_close, &record);
}

static bool is_drm(void)
{
    return strcmp(interface, "d3dkmt");
}

static void create(struct world *world, struct thread *thread)
{
    is_drm() ? drm_create(world, thread) : d3dkmt_create(world, thread);
    world->alive++;
}

/* Whose object a thread destroys: its own, or with cross any of its process that has one. */
static struct thread *owner_for(struct world *world, struct thread *thread)
{
    struct thread *owner = thread - thread->ordinal + (settings.cross ? random_below(world, settings.threads) : thread->ordinal);
    return owner->object_count ? owner : thread;
}

static void destroy(struct world *world, struct thread *thread)
{
    struct thread *owner = owner_for(world, thread);
    size_t at = random_below(world, owner->object_count);
    struct object object = owner->objects[at];
    owner->objects[at] = owner->objects[--owner->object_count];
    world->alive--;
    is_drm() ? drm_destroy(world, thread, &object) : d3dkmt_destroy(world, thread, &object);
}

/* One thread destroys an object, another gets its handles at once and its event is told first: seen on real machines. */
static void invert(struct world *world, struct thread *slow, struct thread *fast)
{
    struct object object = slow->objects[--slow->object_count];
    world->alive--;
    struct ga_drm_gem_close closing;
    struct ga_d3dkmt_destroy_allocation destroying;
    if (is_drm())
        closing = drm_destroy_begin(world, slow, &object);
    else
        destroying = d3dkmt_destroy_begin(world, slow, &object);
    world->inverted++;
    create(world, fast);
    world->clock += 100;
    /* Back from the kernel long ago, but only now on a CPU. */
    if (is_drm()) {
        closing.header.end = world->clock - 50;
        emit_call(world, slow, GA_ROW_drm_gem_close, &closing);
    } else {
        destroying.header.end = world->clock - 50;
        emit_call(world, slow, GA_ROW_d3dkmt_destroy_allocation, &destroying);
    }
}

static void step(struct world *world)
{
    struct thread *thread = &world->threads[random_below(world, world->thread_count)];
    struct thread *other = &world->threads[(size_t)(thread - world->threads + 1) % world->thread_count];
    if (world->inverted < settings.inversions && settings.threads > 1 && thread->object_count && other != thread &&
        other->process == thread->process && other->object_count < 2 * settings.live)
        invert(world, thread, other);
    else if (!thread->object_count ||
             (thread->object_count < 2 * settings.live && random_below(world, 2 * settings.live) >= thread->object_count))
        create(world, thread);
    else
        destroy(world, thread);
}

static void start_process(struct world *world, struct process *process, uint64_t number)
{
    *process = (struct process){
        .id = (random_next(world) | 1) ^ number << 1, .pid = 1000 + (uint32_t)number, .next_handle = is_drm() ? 0 : 8};
    struct ga_gpualloc_process event = {.process = process->id,
                                        .pid = process->pid,
                                        .schema_version = GA_SCHEMA_VERSION,
                                        .start = world->clock,
                                        .program = "/usr/bin/made",
                                        .command_line = "made --up",
                                        .kernel = "6.1.0-made #1",
                                        .tracer = "made"};
    emit(world, 0, GA_ROW_gpualloc_process, &event);
    bool dumb = !strcmp(interface, "dumb");
    struct ga_gpualloc_file file = {.process = process->id,
                                    .file = process->id + 1,
                                    .device = dumb ? 0xe200 : 0xe280,
                                    .fd = 5,
                                    .path = dumb ? "/dev/dri/card0" : "/dev/dri/renderD128",
                                    .driver = dumb ? "vgem" : "virtio_gpu",
                                    .driver_version = "1.0.0"};
    if (is_drm())
        emit(world, 0, GA_ROW_gpualloc_file, &file);
}

static void start_device(struct world *world, struct thread *thread)
{
    struct ga_d3dkmt_create_device record = {
        .header = header_make(world, thread, GA_ROW_d3dkmt_create_device), .hAdapter = 0x40000000, .hDevice = 0x40000040};
    emit_call(world, thread, GA_ROW_d3dkmt_create_device, &record);
}

static bool start(struct world *world)
{
    world->random = settings.seed;
    world->clock = 1000000000;
    world->thread_count = settings.processes * settings.threads;
    world->processes = calloc(settings.processes, sizeof *world->processes);
    world->threads = calloc(world->thread_count, sizeof *world->threads);
    world->sent = calloc(settings.distinct + 1, sizeof *world->sent);
    if (!world->processes || !world->threads || !world->sent)
        return false;
    for (size_t i = 0; i < settings.processes; i++)
        start_process(world, &world->processes[i], i);
    for (size_t i = 0; i < world->thread_count; i++) {
        struct thread *thread = &world->threads[i];
        *thread = (struct thread){.process = &world->processes[i / settings.threads],
                                  .ordinal = (uint32_t)(i % settings.threads),
                                  .cpu = (uint32_t)(i % settings.cpus)};
        thread->tid = thread->process->pid + thread->ordinal;
        thread->objects = calloc(2 * settings.live + 2, sizeof *thread->objects);
        if (!thread->objects)
            return false;
        if (!is_drm() && !thread->ordinal)
            start_device(world, thread);
    }
    return true;
}

static int generate(struct ga_error *error)
{
    struct world world = {.error = error};
    struct ctf_options options = {.streams = (unsigned)settings.cpus,
                                  .packet_size = (uint32_t)settings.packet,
                                  .clock_offset = EPOCH_OFFSET,
                                  .compact = settings.compact,
                                  .seed = settings.seed};
    int result = ctf_create(&world.ctf, output, &options, error);
    if (result < 0)
        return result;
    if (!start(&world))
        world.result = ga_error_set(error, ENOMEM, "out of memory");
    uint64_t held = world.thread_count * settings.leak;
    while (world.result >= 0 && world.calls + world.alive < settings.calls + held)
        step(&world);
    for (size_t i = 0; i < world.thread_count; i++)
        while (world.result >= 0 && world.threads[i].object_count > settings.leak)
            destroy(&world, &world.threads[i]);
    if (world.result >= 0 && settings.discard)
        world.result = ctf_discard(world.ctf, 0, settings.discard, error);
    result = ctf_finish(world.ctf, settings.cut, error);
    for (size_t i = 0; i < world.thread_count; i++)
        free(world.threads[i].objects);
    for (size_t i = 0; i < settings.processes; i++)
        free(world.processes[i].free_handles);
    free(world.processes);
    free(world.threads);
    free(world.sent);
    if (world.result >= 0 && result >= 0)
        printf("calls=%llu events=%llu made=%llu freed=%llu most=%llu inversions=%llu\n", (unsigned long long)world.calls,
               (unsigned long long)world.events, (unsigned long long)world.made, (unsigned long long)world.freed,
               (unsigned long long)world.most, (unsigned long long)world.inverted);
    return world.result < 0 ? world.result : result;
}

static int told_event(void *user, unsigned cpu, uint64_t ticks, const struct ga_row *row, const void *record,
                      struct ga_error *error)
{
    return ctf_write(user, cpu, ticks, row, record, error);
}

static int told_discard(void *user, unsigned cpu, bool packets, uint64_t count, struct ga_error *error)
{
    return (packets ? ctf_discard_packets : ctf_discard)(user, cpu, count, error);
}

static int tell(struct ga_error *error)
{
    static const struct scenario_ops ops = {told_event, told_discard};
    struct scenario *scenario;
    struct ctf *ctf;
    int result = scenario_create(&scenario, scenario_path, error);
    if (result < 0)
        return result;
    result = ctf_create(&ctf, output, scenario_options(scenario), error);
    if (result >= 0) {
        result = scenario_run(scenario, &ops, ctf, error);
        int finished = ctf_finish(ctf, scenario_cut(scenario), error);
        result = result < 0 ? result : finished;
    }
    scenario_destroy(scenario);
    return result;
}

static int help(FILE *out, int status)
{
    fputs("Usage: make-trace [options] DIRECTORY\n\nWrites a trace into a new directory.\n\n"
          "  --scenario=FILE      as the file tells (tests/golden/README.md); else calls of a made-up program:\n"
          "  --interface=NAME     d3dkmt, virtio_gpu or dumb\n",
          out);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        fprintf(out, "  --%-18s %s (%llu)\n", numbers[i].name, numbers[i].help, (unsigned long long)*numbers[i].value);
    return status;
}

static bool parse(int argc, char **argv)
{
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct option options[COUNT + 4] = {{"scenario", 1, NULL, 's'}, {"interface", 1, NULL, 'i'}, {"help", 0, NULL, 'h'}};
    for (size_t i = 0; i < COUNT; i++)
        options[3 + i] = (struct option){numbers[i].name, 1, NULL, 256 + (int)i};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        char none = 0, *end = &none;
        if (c == '?')
            return false;
        if (c == 'h')
            exit(help(stdout, 0));
        if (c == 's')
            scenario_path = optarg;
        else if (c == 'i')
            interface = optarg;
        else
            *numbers[c - 256].value = strtoull(optarg, &end, 0);
        if (*end)
            return false;
    }
    bool known = !strcmp(interface, "d3dkmt") || !strcmp(interface, "virtio_gpu") || !strcmp(interface, "dumb");
    output = argv[optind];
    return known && argc == optind + 1 && settings.processes && settings.threads && settings.cpus && settings.distinct &&
           settings.elements && settings.live && settings.gap && settings.private_data <= GA_BLOB_MAX;
}

int main(int argc, char **argv)
{
    struct ga_error error = {""};
    if (!parse(argc, argv))
        return help(stderr, 2);
    if ((scenario_path ? tell(&error) : generate(&error)) >= 0)
        return 0;
    fprintf(stderr, "make-trace: %s\n", error.text);
    return 1;
}
