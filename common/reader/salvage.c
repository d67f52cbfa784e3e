/* Salvage: a view of a damaged trace that can be read. */
#include "salvage.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* LTTng's packet header and context: magic, uuid, stream id, stream instance; begin, end, content size and packet size in bits,
 * … */
enum { HEADER_SIZE = 84, BEGIN_AT = 32, END_AT = 40, CONTENT_AT = 48, PACKET_AT = 56 };
#define MAGIC 0xC1FC1FC1u

struct copy {
    int fd;
    struct copy *next;
};

struct salvage {
    char view[PATH_MAX - 512]; /* a folder with one folder a trace folder: 0, 1, … */
    char **folders;
    size_t count;
    unsigned damaged, readable; /* files */
    struct ga_error text;
    struct copy *copies; /* kept open: the view links to /proc/self/fd */
};

/* What of a stream file can be read. */
struct extent {
    uint64_t whole;   /* bytes of whole packets at the front */
    uint64_t partial; /* bytes of the packet after them that are there; 0: none that can be used */
    uint64_t packet;  /* bytes that this packet should have; 0: its header is no header */
};

static uint64_t load(const unsigned char *header, size_t at)
{
    uint64_t value;
    memcpy(&value, header + at, sizeof value);
    return le64toh(value);
}

static bool has_magic(int fd)
{
    unsigned char magic[4];
    return pread(fd, magic, sizeof magic, 0) == sizeof magic &&
           !memcmp(magic, (const unsigned char[]){0xc1, 0x1f, 0xfc, 0xc1}, 4);
}

/* source.ctf.fs takes a time of all ones for none, and aborts the program where it must have one. */
static bool header_read(int fd, uint64_t at, unsigned char header[HEADER_SIZE])
{
    if (pread(fd, header, HEADER_SIZE, (off_t)at) != HEADER_SIZE)
        return false;
    uint64_t content = load(header, CONTENT_AT), packet = load(header, PACKET_AT);
    return (load(header, 0) & 0xffffffff) == MAGIC && packet >= HEADER_SIZE * 8 && packet % 8 == 0 && content <= packet &&
           content >= HEADER_SIZE * 8 && load(header, BEGIN_AT) != UINT64_MAX && load(header, END_AT) != UINT64_MAX;
}

/* Walks the packets: true when the file is whole. */
static bool extent_find(int fd, uint64_t size, struct extent *extent)
{
    unsigned char header[HEADER_SIZE];
    *extent = (struct extent){0};
    while (extent->whole < size) {
        uint64_t left = size - extent->whole;
        if (!header_read(fd, extent->whole, header))
            return false;
        uint64_t packet = load(header, PACKET_AT) / 8;
        if (packet > left) {
            extent->partial = left;
            extent->packet = packet;
            return false;
        }
        extent->whole += packet;
    }
    return true;
}

static int copy_front(int from, int to, uint64_t size)
{
    static char buffer[1 << 16];
    for (uint64_t done = 0; done < size;) {
        size_t piece = size - done < sizeof buffer ? (size_t)(size - done) : sizeof buffer;
        ssize_t count = pread(from, buffer, piece, (off_t)done);
        if (count <= 0 || pwrite(to, buffer, (size_t)count, (off_t)done) != count)
            return -EIO;
        done += (uint64_t)count;
    }
    return 0;
}

/* The partial packet becomes a short one; its last event is cut, which the decoder finds out. */
static int packet_shorten(int fd, const struct extent *extent)
{
    unsigned char header[HEADER_SIZE];
    if (pread(fd, header, HEADER_SIZE, (off_t)extent->whole) != HEADER_SIZE)
        return -EIO;
    uint64_t bits = extent->partial * 8, content = load(header, CONTENT_AT);
    uint64_t sizes[] = {htole64(content < bits ? content : bits), htole64(bits)};
    return pwrite(fd, sizes, sizeof sizes, (off_t)(extent->whole + CONTENT_AT)) == sizeof sizes ? 0 : -EIO;
}

static int copy_make(struct salvage *salvage, int from, const struct extent *extent, char *target, size_t target_size)
{
    struct copy *copy = calloc(1, sizeof *copy);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/copy-XXXXXX", salvage->view);
    int fd = copy ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd < 0) {
        free(copy);
        return -EIO;
    }
    unlink(path);
    *copy = (struct copy){fd, salvage->copies};
    salvage->copies = copy;
    snprintf(target, target_size, "/proc/self/fd/%d", fd);
    if (copy_front(from, fd, extent->whole + extent->partial) < 0)
        return -EIO;
    return extent->partial ? packet_shorten(fd, extent) : 0;
}

static void note_damage(struct salvage *salvage, const char *path, const struct extent *extent)
{
    if (salvage->damaged++)
        return;
    if (extent->packet)
        ga_error_set(&salvage->text, EIO, "stream %s is cut off: its last packet has %" PRIu64 " of %" PRIu64 " bytes", path,
                     extent->partial, extent->packet);
    else
        ga_error_set(&salvage->text, EIO, "stream %s is damaged: there is no packet at byte %" PRIu64, path, extent->whole);
}

/* Opens a stream file of a trace folder; -1 for what is none: index/, metadata, a file that is not ours to read. */
static int stream_open(const char *folder, const char *name, uint64_t *size)
{
    char path[PATH_MAX];
    struct stat status;
    if (*name == '.' || !strcmp(name, "metadata") || (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path)
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        return -1;
    }
    *size = fd >= 0 ? (uint64_t)status.st_size : 0;
    return fd;
}

bool salvage_needed(const char *const *folders, size_t count)
{
    bool needed = false;
    for (size_t i = 0; i < count && !needed; i++) {
        DIR *dir = opendir(folders[i]);
        for (struct dirent *entry; dir && !needed && (entry = readdir(dir));) {
            uint64_t size;
            struct extent extent;
            int fd = stream_open(folders[i], entry->d_name, &size);
            needed = fd >= 0 && has_magic(fd) && !extent_find(fd, size, &extent);
            if (fd >= 0)
                close(fd);
        }
        if (dir)
            closedir(dir);
    }
    return needed;
}

static int add_link(const char *folder, const char *name, const char *into, const char *target)
{
    char path[PATH_MAX], link[PATH_MAX], real[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path ||
        (size_t)snprintf(link, sizeof link, "%s/%s", into, name) >= sizeof link)
        return -ENAMETOOLONG;
    if (!target && !realpath(path, real))
        return -errno;
    return symlink(target ? target : real, link) < 0 ? -errno : 0;
}

/* Puts a stream file into the view: itself when it is whole, else a copy of what can be read of it. */
static int add_stream(struct salvage *salvage, const char *folder, const char *name, const char *into)
{
    char path[PATH_MAX], target[64];
    uint64_t size;
    struct extent extent;
    int fd = stream_open(folder, name, &size), result;
    if (fd < 0)
        return 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (extent_find(fd, size, &extent)) {
        salvage->readable += size > 0;
        result = add_link(folder, name, into, NULL);
    } else {
        note_damage(salvage, path, &extent);
        if (extent.partial < HEADER_SIZE)
            extent.partial = 0;
        salvage->readable += extent.whole + extent.partial > 0;
        result = copy_make(salvage, fd, &extent, target, sizeof target);
        if (result >= 0)
            result = add_link(folder, name, into, target);
    }
    close(fd);
    return result;
}

static int add_folder(struct salvage *salvage, const char *folder)
{
    char into[PATH_MAX];
    snprintf(into, sizeof into, "%s/%zu", salvage->view, salvage->count);
    if (mkdir(into, 0700) < 0 || !(salvage->folders[salvage->count] = strdup(into)))
        return -errno;
    salvage->count++;
    DIR *dir = opendir(folder);
    if (!dir)
        return -errno;
    int result = add_link(folder, "metadata", into, NULL);
    for (struct dirent *entry; result >= 0 && (entry = readdir(dir));)
        result = add_stream(salvage, folder, entry->d_name, into);
    closedir(dir);
    return result;
}

int salvage_create(struct salvage **out, const char *const *folders, size_t count, struct ga_error *error)
{
    struct salvage *salvage = calloc(1, sizeof *salvage);
    const char *temporary = getenv("TMPDIR");
    if (!salvage || !(salvage->folders = calloc(count + 1, sizeof *salvage->folders))) {
        free(salvage);
        return ga_error_set(error, ENOMEM, "out of memory");
    }
    snprintf(salvage->view, sizeof salvage->view, "%s/gpualloc-XXXXXX", temporary && *temporary ? temporary : "/tmp");
    int result = 0;
    if (!mkdtemp(salvage->view)) {
        result = ga_error_errno(error, errno, "cannot make a folder for the readable part (see TMPDIR)");
        *salvage->view = 0;
    }
    for (size_t i = 0; i < count && result >= 0; i++) {
        result = add_folder(salvage, folders[i]);
        if (result < 0)
            ga_error_errno(error, -result, "%s", folders[i]);
    }
    if (result >= 0 && (!salvage->damaged || !salvage->readable))
        result = ga_error_set(error, EINVAL, salvage->damaged ? "it has no packets of LTTng's" : "its packets are whole");
    if (result < 0) {
        salvage_destroy(salvage);
        return result;
    }
    *out = salvage;
    return 0;
}

const char *const *salvage_folders(const struct salvage *salvage)
{
    return (const char *const *)salvage->folders;
}

const char *salvage_text(const struct salvage *salvage)
{
    return salvage->text.text;
}

static void folder_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}

void salvage_destroy(struct salvage *salvage)
{
    if (!salvage)
        return;
    for (size_t i = 0; i < salvage->count; i++) {
        folder_remove(salvage->folders[i]);
        free(salvage->folders[i]);
    }
    if (*salvage->view)
        rmdir(salvage->view);
    for (struct copy *copy = salvage->copies, *next; copy; copy = next) {
        next = copy->next;
        close(copy->fd);
        free(copy);
    }
    free(salvage->folders);
    free(salvage);
}
