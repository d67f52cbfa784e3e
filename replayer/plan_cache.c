/*
 * The cache of plans: see plan_cache.h.
 *
 * The bytes of a trace are hashed once: the hash is kept in a file of its own under the names, sizes and times of the trace's files
 * (a "stamp"), as git's index does it. A file that was changed in the last seconds could change again without its times telling, so
 * that no stamp is kept, or believed, for it.
 */
#include "replayer/plan_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

enum {
    CHUNK = 1 << 20,
    SETTLED_S = 3,     /* file systems keep times to 2 s (FAT) or better */
    STALE_S = 3600,    /* an unfinished file of a process that is gone */
    NAME_SIZE = 64,
};

/* GPUALLOC_DEBUG=FILE: why nothing came from the cache. */
static void debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void debug(const char *format, ...)
{
    const char *path = secure_getenv("GPUALLOC_DEBUG");
    FILE *file = path && *path ? fopen(path, "ae") : NULL;
    if (!file)
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("gpualloc replay: plan cache: ", file);
    vfprintf(file, format, arguments);
    fputc('\n', file);
    va_end(arguments);
    fclose(file);
}

/* Ours, and nobody else's to write to. */
static bool is_private(const struct stat *st) { return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH)); }

/* A folder of ours in another, made when it is not there; its descriptor, or -1. Not through a symbolic link. */
static int open_folder(int in, const char *name)
{
    struct stat st;
    if (mkdirat(in, name, 0700) < 0 && errno != EEXIST) {
        debug("%s: %s", name, strerror(errno));
        return -1;
    }
    int fd = openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && is_private(&st))
        return fd;
    debug("%s: %s", name, fd < 0 ? strerror(errno) : "it is not ours, or others may write to it");
    if (fd >= 0)
        close(fd);
    return -1;
}

static int open_cache(void)
{
    char path[4096];
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = cache && *cache == '/' ? snprintf(path, sizeof path, "%s", cache)
                 : home && *home == '/' ? snprintf(path, sizeof path, "%s/.cache", home)
                                        : -1;
    if (length < 0 || (size_t)length >= sizeof path) {
        debug("neither XDG_CACHE_HOME nor HOME names a folder");
        return -1;
    }
    mkdir(path, 0700);
    int base = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (base < 0) {
        debug("%s: %s", path, strerror(errno));
        return -1;
    }
    int ours = open_folder(base, "gpualloc");
    close(base);
    if (ours < 0)
        return -1;
    int plans = open_folder(ours, "plans");
    close(ours);
    return plans;
}

/* A file of ours in the folder, for reading; -1 when there is none that can be trusted. */
static int open_ours(int folder, const char *name)
{
    struct stat st;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_private(&st))
        return fd;
    debug("%s: it is not ours, or others may write to it", name);
    close(fd);
    return -1;
}

static void put_hash(unsigned char hash[16], XXH3_state_t *state)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    memcpy(hash, canonical.digest, 16);
}

/* A walk over the files of which a trace is made: those in folders that have a file "metadata", as the reader finds them. */
struct look {
    XXH3_state_t *state; /* names, sizes, times */
    XXH3_state_t *bytes; /* names and contents; null: not now */
    unsigned char *buffer;
    struct timespec newest;
};

static int hash_bytes(struct look *look, int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = -1;
    if (fd < 0)
        return -errno;
    posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    while ((got = read(fd, look->buffer, CHUNK)) > 0 || (got < 0 && errno == EINTR))
        if (got > 0)
            XXH3_128bits_update(look->bytes, look->buffer, (size_t)got);
    int result = got < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int look_at_file(struct look *look, int folder, const char *name)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return 0;
    const uint64_t facts[] = {st.st_dev, st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec, (uint64_t)st.st_mtim.tv_nsec,
                              (uint64_t)st.st_ctim.tv_sec, (uint64_t)st.st_ctim.tv_nsec};
    const uint64_t size = (uint64_t)st.st_size;
    XXH3_128bits_update(look->state, name, strlen(name) + 1);
    XXH3_128bits_update(look->state, facts, sizeof facts);
    if (st.st_ctim.tv_sec > look->newest.tv_sec)
        look->newest = st.st_ctim;
    if (!look->bytes)
        return 0;
    XXH3_128bits_update(look->bytes, name, strlen(name) + 1);
    XXH3_128bits_update(look->bytes, &size, sizeof size);
    return hash_bytes(look, folder, name);
}

static int look_at_folder(struct look *look, const char *path)
{
    struct dirent **entries;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    if (folder < 0)
        return -errno;
    int count = scandirat(folder, ".", &entries, NULL, alphasort);
    if (count < 0)
        result = -errno;
    for (int i = 0; i < count; i++) {
        if (result == 0 && *entries[i]->d_name != '.')
            result = look_at_file(look, folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    close(folder);
    return result;
}

static int by_name(const FTSENT **a, const FTSENT **b) { return strcmp((*a)->fts_name, (*b)->fts_name); }

static int look_at_trace(struct look *look, const char *trace)
{
    char *const roots[] = {(char *)(uintptr_t)trace, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
    int result = tree ? 0 : -errno;
    for (FTSENT *entry; result == 0 && (entry = fts_read(tree));)
        if (entry->fts_info == FTS_F && entry->fts_level > 0 && strcmp(entry->fts_name, "metadata") == 0) {
            char *folder = strndup(entry->fts_path, strlen(entry->fts_path) - strlen("/metadata"));
            const char *below = folder ? folder + strlen(roots[0]) : ""; /* a trace that is moved is the same */
            if (look->bytes)
                XXH3_128bits_update(look->bytes, below, strlen(below) + 1);
            result = folder ? look_at_folder(look, folder) : -ENOMEM;
            free(folder);
        }
    if (tree)
        fts_close(tree);
    return result;
}

/* Its state; with bytes, also what its files hold. */
static int hash_trace(const char *trace, unsigned char state[16], unsigned char *bytes, struct timespec *newest)
{
    struct look look = {.state = XXH3_createState(), .bytes = bytes ? XXH3_createState() : NULL,
                        .buffer = bytes ? malloc(CHUNK) : NULL};
    int result = look.state && (!bytes || (look.bytes && look.buffer)) ? 0 : -ENOMEM;
    if (result == 0) {
        XXH3_128bits_reset(look.state);
        if (bytes)
            XXH3_128bits_reset(look.bytes);
        result = look_at_trace(&look, trace);
    }
    if (result == 0) {
        put_hash(state, look.state);
        if (bytes)
            put_hash(bytes, look.bytes);
    }
    *newest = look.newest;
    XXH3_freeState(look.state);
    XXH3_freeState(look.bytes);
    free(look.buffer);
    return result;
}

void replay_hex(char *out, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void stamp_name(char name[NAME_SIZE], const unsigned char state[16])
{
    replay_hex(name, state, 16);
    strcpy(name + 32, ".stamp");
}

static void plan_name(char name[NAME_SIZE], const struct replay_plan_key *key)
{
    unsigned char hash[16];
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(key, sizeof *key));
    memcpy(hash, canonical.digest, sizeof hash);
    replay_hex(name, hash, sizeof hash);
    strcpy(name + 32, ".plan");
}

/* Writes a file under a temporary name, then gives it its own. */
static int write_file(int folder, const char *name, const void *data, size_t size)
{
    char temporary[NAME_SIZE + 32];
    snprintf(temporary, sizeof temporary, "%s.%jd.tmp", name, (intmax_t)getpid());
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int result = 0;
    for (size_t done = 0; result == 0 && done < size;) {
        ssize_t wrote = write(fd, (const char *)data + done, size - done < (1u << 30) ? size - done : 1u << 30);
        if (wrote >= 0)
            done += (size_t)wrote;
        else if (errno != EINTR)
            result = -errno;
    }
    if (close(fd) < 0 && result == 0)
        result = -errno;
    if (result == 0 && renameat(folder, temporary, folder, name) < 0)
        result = -errno;
    if (result < 0)
        unlinkat(folder, temporary, 0);
    return result;
}

static bool settled(const struct timespec *newest)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return newest->tv_sec + SETTLED_S < now.tv_sec;
}

/* The bytes of the trace, by its stamp or else by reading it. */
static int find_contents(struct replay_cache *cache, const char *trace)
{
    char name[NAME_SIZE];
    struct timespec newest;
    int result = hash_trace(trace, cache->state, NULL, &newest);
    if (result < 0)
        return result;
    stamp_name(name, cache->state);
    bool was_settled = settled(&newest);
    int fd = was_settled ? open_ours(cache->folder, name) : -1;
    unsigned char contents[17];
    ssize_t got = fd >= 0 ? read(fd, contents, sizeof contents) : -1;
    if (got == 16)
        futimens(fd, NULL);
    if (fd >= 0)
        close(fd);
    if (got == 16) {
        memcpy(cache->key.trace, contents, 16);
        return 0;
    }
    unsigned char state[16];
    result = hash_trace(trace, state, cache->key.trace, &newest);
    if (result == 0 && memcmp(state, cache->state, sizeof state) != 0)
        result = -EAGAIN; /* it changes under our eyes */
    if (result == 0 && was_settled)
        write_file(cache->folder, name, cache->key.trace, sizeof cache->key.trace);
    return result;
}

static int note_build(struct dl_phdr_info *info, size_t size, void *user)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_NOTE)
            continue;
        const char *note = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr), *end = note + info->dlpi_phdr[i].p_memsz;
        while (note + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *header = (const ElfW(Nhdr) *)(const void *)note;
            const char *name = note + sizeof *header, *text = name + ((header->n_namesz + 3) & ~3u);
            if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 && memcmp(name, "GNU", 4) == 0 && header->n_descsz >= 8) {
                memcpy(user, text, header->n_descsz < 20 ? header->n_descsz : 20);
                return 1;
            }
            note = text + ((header->n_descsz + 3) & ~3u);
        }
    }
    return -1; /* the first is the program: no other's will do */
}

int replay_build_id(unsigned char build[20])
{
    if (dl_iterate_phdr(note_build, build) > 0)
        return 0;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *program = fd >= 0 && fstat(fd, &st) == 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    if (program == MAP_FAILED)
        return -ENOENT;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(program, (size_t)st.st_size));
    memcpy(build, canonical.digest, sizeof canonical.digest);
    munmap(program, (size_t)st.st_size);
    return 0;
}

/* What changes a plan. Its limits only refuse it. */
static void hash_options(unsigned char hash[16], const struct replay_plan_options *options)
{
    const uint64_t words[] = {options->order, options->range.unit, options->range.from, options->range.to};
    XXH3_state_t *state = XXH3_createState();
    memset(hash, 0, 16);
    if (!state)
        return;
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, words, sizeof words);
    XXH3_128bits_update(state, options->skips, sizeof options->skips);
    put_hash(hash, state);
    XXH3_freeState(state);
}

void replay_cache_open(struct replay_cache *cache, const char *trace, const struct replay_plan_options *options)
{
    *cache = (struct replay_cache){.folder = options->no_cache ? -1 : open_cache(), .max_bytes = REPLAY_CACHE_BYTES};
    if (cache->folder < 0)
        return;
    hash_options(cache->key.options, options);
    int result = replay_build_id(cache->key.build);
    if (result == 0)
        result = find_contents(cache, trace);
    if (result == 0)
        return;
    debug("%s: %s", trace, strerror(-result));
    replay_cache_close(cache);
}

int replay_cache_load(const struct replay_cache *cache, struct replay_plan *plan)
{
    char name[NAME_SIZE];
    if (cache->folder < 0)
        return -ENOENT;
    plan_name(name, &cache->key);
    int fd = open_ours(cache->folder, name);
    if (fd < 0)
        return -ENOENT;
    int result = replay_plan_map(plan, fd, &cache->key);
    if (result == 0)
        futimens(fd, NULL); /* used now: what was used longest ago goes first */
    else
        debug("%s: it is no plan, or damaged", name);
    close(fd);
    return result < 0 ? -ENOENT : 0;
}

struct kept {
    char name[NAME_SIZE + 32];
    struct timespec used;
    uint64_t size;
};

static int by_use(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    return (x->used.tv_nsec > y->used.tv_nsec) - (x->used.tv_nsec < y->used.tv_nsec);
}

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), end = strlen(ending);
    return length > end && strcmp(name + length - end, ending) == 0;
}

/* Leaves out what is not ours to remove. */
static bool note_kept(int folder, const char *name, struct kept *kept)
{
    struct stat st;
    if (!(ends_in(name, ".plan") || ends_in(name, ".stamp") || ends_in(name, ".tmp")) || strlen(name) >= sizeof kept->name ||
        fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
        return false;
    strcpy(kept->name, name);
    kept->used = st.st_mtim;
    kept->size = (uint64_t)st.st_blocks * 512;
    return true;
}

/* Removes the oldest until so many bytes are free for a new one, and what processes that are gone left behind. */
static void make_room(int folder, uint64_t size, uint64_t allowed)
{
    struct dirent **entries;
    int count = scandirat(folder, ".", &entries, NULL, alphasort), kept_count = 0;
    struct kept *kept = count > 0 ? calloc((size_t)count, sizeof *kept) : NULL;
    uint64_t bytes = size;
    time_t now = time(NULL);
    for (int i = 0; i < count; i++) {
        if (kept && note_kept(folder, entries[i]->d_name, &kept[kept_count]))
            bytes += kept[kept_count++].size;
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    if (kept)
        qsort(kept, (size_t)kept_count, sizeof *kept, by_use);
    for (int i = 0; i < kept_count; i++) {
        bool unfinished = ends_in(kept[i].name, ".tmp");
        if (unfinished ? kept[i].used.tv_sec + STALE_S < now : bytes > allowed) {
            unlinkat(folder, kept[i].name, 0);
            bytes -= kept[i].size;
        }
    }
    free(kept);
}

void replay_cache_store(const struct replay_cache *cache, const char *trace, const struct replay_plan *plan)
{
    char name[NAME_SIZE];
    unsigned char state[16];
    struct timespec newest;
    struct statvfs disk;
    if (cache->folder < 0)
        return;
    if (hash_trace(trace, state, NULL, &newest) < 0 || memcmp(state, cache->state, sizeof state) != 0) {
        debug("%s: it changed while it was read", trace);
        return;
    }
    if (plan->mapping_size > cache->max_bytes / 2 || fstatvfs(cache->folder, &disk) < 0 ||
        plan->mapping_size > (uint64_t)disk.f_bavail * disk.f_frsize / 2) {
        debug("a plan of %zu bytes is too large to be kept", plan->mapping_size);
        return;
    }
    make_room(cache->folder, plan->mapping_size, cache->max_bytes);
    plan_name(name, &cache->key);
    int result = write_file(cache->folder, name, plan->mapping, plan->mapping_size);
    if (result < 0)
        debug("%s: %s", name, strerror(-result));
}

void replay_cache_close(struct replay_cache *cache)
{
    if (cache->folder >= 0)
        close(cache->folder);
    cache->folder = -1;
}
