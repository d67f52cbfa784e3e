/*
 * The schema: every event that gpualloc records, described once.
 *
 * The .def files beside this header are X-macro lists. From them come the C records (records.h), the LTTng tracepoints
 * (tracer/preload/provider-*.h), and the tables declared here, which drive capture, the reader, the JSON names and
 * docs/events.md. A new captured request is a row in a .def file; a new DRM driver is a file in drivers/.
 *
 * The words of a .def file:
 *   FLAG_NAMES(table, BIT(n, Name)…)                   names of a flags word's bits
 *   CALL(event, request, number, structure, EFFECT(…), doc, members…)    a request (ioctl or thunk): one event a call
 *   ELEMENT(event, structure, doc, members…)           an array's element: one event each, before its call's own event
 *   EVENT(event, doc, members…)                        an event that is no call
 * Members, in the structure's order; NAME is the interface's own, DIR is IN, OUT, INOUT, or ECHO (an input that the
 * driver may write back: NAME_out is shown only when it changed):
 *   INT(DIR, type, NAME, HEX|DEC|BYTES|TIME, doc)      type is u8 u16 u32 s32 u64 s64
 *   INT_AT(DIR, type, name, path, …)                   the same where the member's path is not a C identifier (A.B, A[1])
 *   FLAGS(DIR, NAME, table, doc)  FLAGS_AT(DIR, name, path, table, doc)   32 bits;  FLAGS64, FLAGS64_AT: 64
 *   PTR(DIR, NAME, doc)  PTR_AT(DIR, name, path, doc)  an address that is recorded and not followed
 *   BLOB(DIR, NAME, SIZE_MEMBER, doc)                  bytes at a pointer: kept as gpualloc:blob, named here by their hash;
 *                                                      BLOB_AT(DIR, name, path, …)
 *   ARRAY(DIR, type, NAME, COUNT_MEMBER, HEX|DEC, doc) integers at a pointer (handles, fence values); ARRAY_ONE: exactly one
 *   INLINE(DIR, type, NAME, COUNT_MEMBER, HEX|DEC, doc)     integers in the structure itself: as many as the count says and fit;
 *                                                      INLINE_ALL_AT(DIR, type, name, path, HEX|DEC, doc): all of them
 *   ELEMENTS(DIR, NAME, COUNT_MEMBER, element, json, doc)   structures at a pointer; ELEMENTS_ONE: exactly one; ELEMENTS_AT(DIR, name,
 *                                                      path, …), ELEMENTS_ONE_AT(DIR, name, path, element, doc): a pointer's arms
 *   POINTERS_AT(DIR, name, path, COUNT_MEMBER, element, json, doc)   an array of pointers to structures
 *   CHAIN(DIR, NAME, element, json, doc)               structures that each begin with the address of the next, as DRM's extensions;
 *                                                      CHAIN_AT(DIR, name, path, …)
 *   EMBEDDED(name, path, element, doc)                 a structure in the structure itself, where it is an element elsewhere
 *   BEHIND(name, path, COUNT_MEMBER, element, doc)     structures that follow the structure itself: an array without a size at its end
 *   HERE(name, element, doc, arm)                      in ELEMENT: its structure begins this longer one (an extension's own)
 *   INODE(NAME, FD_MEMBER, doc)                        inode number behind a descriptor, asked after the call (a dma-buf's id);
 *                                                      INODE_RETURNED(NAME, doc): the descriptor is what the ioctl returns
 *   STR(NAME, doc)  WORDS(NAME, doc)                   in EVENT only: text; an array of 64-bit words
 * Elements may have elements of their own, but no ARRAY or INLINE. BLOB and ARRAY may be OUT: then the memory is read after the call
 * alone, a BLOB's as far as its size member says by then that there are bytes.
 * After doc may stand the arm of a union: IF(MEMBER, mask), UNLESS(MEMBER, mask) ask for bits, IF_IS(MEMBER, value), UNLESS_IS for a
 * value,
 * IF_ABOVE(MEMBER, value) for a greater one; IF_CALL and UNLESS_CALL in an element ask its call's member. Other annotations:
 * OLDER(size, "name") names the older form of an ELEMENTS member, whose elements are a prefix of that size; AT_LEAST_ONE says that
 * an ARRAY has one entry when its count is 0. STRIDE(MEMBER): the bytes from one element to the next stand there; COUNTED_IN(bytes):
 * the count is of units of so many bytes; OBJECT: the member names an object that replay would have to number anew; MMAP_OFFSET: the
 * device's offset for mmap of the effect's handle.
 */
#ifndef GPUALLOC_SCHEMA_H
#define GPUALLOC_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Version of the trace's format: raised when a reader of the older one could be misled. In gpualloc:process. */
#define GA_SCHEMA_VERSION 1

#define GA_NONE UINT16_MAX /* an offset that is not there */

enum ga_row_kind { GA_ROW_CALL, GA_ROW_ELEMENT, GA_ROW_EVENT };
enum ga_member_kind {
    GA_INT,      /* integer of member.width bytes */
    GA_FLAGS,    /* integer with named bits */
    GA_PTR,      /* 64-bit address, not followed */
    GA_BLOB,     /* record: uint64_t NAME (address), NAME_hash unless OUT, NAME_out_hash unless IN */
    GA_ARRAY,    /* record: uint64_t NAME (address, unless inline), uint32_t NAME_length, const uintN_t *NAME_list */
    GA_ELEMENTS, /* record: uint64_t NAME (address), uint32_t NAME_captured (elements sent before the call), uint32_t NAME_first
                    (index of the first: a call's elements of one row are numbered through) */
    GA_INODE,    /* record: uint64_t NAME; 0 when unknown */
    GA_STR,      /* record: const char *NAME */
    GA_WORDS,    /* record: uint32_t NAME_length, const uint64_t *NAME_list */
};
enum ga_direction { GA_IN = 1, GA_OUT = 2, GA_INOUT = 3, GA_ECHO = 7 };
/* Where the structures of an ELEMENTS member are. */
enum ga_layout {
    GA_LAYOUT_ARRAY,    /* at the pointer, one behind the other */
    GA_LAYOUT_POINTERS, /* at the pointer are their addresses */
    GA_LAYOUT_CHAIN,    /* at the pointer is the first, each begins with the address of the next */
    GA_LAYOUT_HERE,     /* where the element itself is */
};
enum ga_show { GA_DEC, GA_HEX, GA_BYTES, GA_TIME };

/* When a member of a union is the active one: what the member that ga_member.arm names must be. */
enum ga_arm_test {
    GA_ARM_ALWAYS,
    GA_ARM_ANY,   /* has a bit of arm_value */
    GA_ARM_NONE,  /* has no bit of it */
    GA_ARM_IS,    /* equals it */
    GA_ARM_ABOVE, /* is greater */
    GA_ARM_IS_NOT,
};
static inline bool ga_arm_active(enum ga_arm_test test, uint64_t value, uint64_t arm_value)
{
    switch (test) {
    case GA_ARM_ANY: return (value & arm_value) != 0;
    case GA_ARM_NONE: return (value & arm_value) == 0;
    case GA_ARM_IS: return value == arm_value;
    case GA_ARM_ABOVE: return value > arm_value;
    case GA_ARM_IS_NOT: return value != arm_value;
    default: return true;
    }
}

/* What a call does to the life of an object. CREATE, IMPORT and OPEN take effect at the call's end, DESTROY and CLOSE at its
   begin. The objects of d3dkmt calls are found from their members by common/reader/lives.c. */
enum ga_effect_kind {
    GA_EFFECT_QUERY,   /* changes no life */
    GA_EFFECT_CREATE,  /* makes an allocation */
    GA_EFFECT_DESTROY, /* ends one (a GEM handle) */
    GA_EFFECT_IMPORT,  /* gives a handle to an allocation that exists elsewhere (PRIME, FLINK) */
    GA_EFFECT_EXPORT,  /* gives an allocation a name outside its file */
    GA_EFFECT_MAP,     /* asks for an allocation's mmap offset or address */
    GA_EFFECT_OPEN,    /* makes an owner of allocations: adapter, device, context */
    GA_EFFECT_CLOSE,   /* ends one, with all that it owns */
};

/* handle: the member that names the object. size, times: members whose product (of absolute values) is its bytes. */
struct ga_effect {
    enum ga_effect_kind kind;
    const char *handle, *size, *times;
};

struct ga_flag_name {
    uint8_t bit;
    const char *name; /* a null name ends the table */
};

struct ga_member {
    const char *name; /* field in the trace and in the record; null ends the table */
    const char *path; /* the interface's own name: dots are nested structures */
    const char *doc;
    const struct ga_flag_name *flags;
    const char *count;      /* BLOB: member that holds the bytes; ARRAY, ELEMENTS: the elements; INODE: the descriptor */
    const char *json;       /* ELEMENTS: name of the array in JSON */
    const char *arm;        /* member that selects this union arm, or null: always */
    const char *older_name; /* ELEMENTS: the pointer's name in the older form */
    uint32_t arm_value;
    uint16_t element;    /* ELEMENTS: enum ga_row_id of the element's row */
    uint16_t older_size; /* ELEMENTS: bytes of an older element */
    uint16_t offset;     /* in the interface's structure; GA_NONE: derived, not in it */
    uint16_t in, out;    /* in the record: the value before the call, after it; GA_NONE where the direction has none.
                            BLOB: in and out are the hashes. INODE: out. EVENT rows: in */
    uint16_t address;    /* in the record: BLOB, ARRAY, ELEMENTS: the pointer itself; GA_NONE: an inline array */
    uint16_t length;     /* in the record: ARRAY, WORDS: the entries of the list at in */
    uint8_t kind, direction, show;
    uint8_t width;       /* bytes of an integer, in the structure and in the record alike; 8 of a pointer; an inline array: entry */
    uint8_t entry;       /* ARRAY, WORDS: bytes of an entry */
    uint8_t arm_test;    /* enum ga_arm_test */
    uint16_t first;      /* in the record: ELEMENTS: index of the first */
    uint16_t at;         /* in the structure: ELEMENTS: where an embedded one is */
    const char *stride;  /* ELEMENTS: member that holds the bytes from one to the next; null: they are packed */
    uint8_t count_unit;  /* ELEMENTS: bytes that the count counts; 0: elements */
    uint8_t layout;      /* ELEMENTS: enum ga_layout */
    uint16_t room;       /* inline ARRAY: entries that the structure has room for; 0: the array is at a pointer */
    bool is_signed, arm_of_call;
    bool one;            /* ELEMENTS, ARRAY: exactly one, there is no count */
    bool least_one;      /* ARRAY: one when the count is 0 */
    bool object;         /* names an object other than the effect's handle */
    bool mmap_offset;    /* the offset at which mmap of the device reaches the effect's handle */
};

struct ga_row {
    const char *provider; /* d3dkmt, drm, gpualloc */
    const char *event;    /* LTTng name is provider:event */
    const char *request;  /* the interface's name: D3DKMTCreateAllocation2, VIRTGPU_RESOURCE_CREATE; null unless a call */
    const char *driver;   /* DRM driver as DRM_IOCTL_VERSION names it; "" for DRM core and other providers */
    const char *doc;
    const struct ga_member *(*members)(void); /* ends with a null name */
    struct ga_effect effect;
    uint16_t abi_size, record_size; /* bytes of the interface's structure and of the record */
    uint16_t number;                /* _IOC_NR of the request; GA_NO_REQUEST: it is no ioctl */
    uint8_t kind;
};

enum { GA_NO_REQUEST = 0x100 };
enum { GA_LAYER_IOCTL = 0 /* a system call */, GA_LAYER_API = 1 };
enum {
    GA_MARK_RETRY = 1,      /* this attempt repeats one that was interrupted (EINTR, EAGAIN) */
    GA_MARK_NESTED = 2,     /* perhaps the inner half of another recorded call */
    GA_MARK_UNREADABLE = 4, /* the argument structure could not be read: its members are zero */
    GA_MARK_OLDER = 8,      /* a function that takes the older form of its structure or elements (OLDER) */
};

/* The latest time, in ns on the trace's clock or since the epoch (the year 2116), that the reader gives: what a damaged trace says
   beyond it is brought to it, so that differences and sums of two times are never out of range. */
#define GA_TIME_MAX (INT64_MAX / 2)

/* The first members of every CALL record. Times are ns on the trace's clock: CLOCK_MONOTONIC unless LTTng is told otherwise. */
struct ga_call_header {
    uint64_t process;    /* instance: 64 random bits, renewed at fork and exec */
    uint64_t call;       /* number in the thread, from 1, without gaps */
    uint64_t begin, end; /* just before and just after the real call */
    int64_t ret;         /* what the ioctl, the thunk or the mmap returned */
    uint32_t pid, tid;   /* for people: numbers are reused */
    uint32_t thread;     /* ordinal in the process, from 0 */
    uint32_t size;       /* bytes of the argument structure as passed: members beyond it are absent */
    int32_t error;       /* errno after a return of -1, else 0 */
    uint8_t layer;       /* GA_LAYER_ */
    uint8_t marks;       /* GA_MARK_ bits */
    uint64_t file;       /* drm only: id of the open file description; 0: a mapping that is not of a device */
    uint64_t device;     /* drm only: device number (dev_t) of the node, or 0 */
};

/* The first members of every ELEMENT record. */
struct ga_element_header {
    uint64_t process, call;
    uint32_t thread;
    uint32_t index; /* in the array, from 0 */
    uint32_t size;  /* bytes of one element as passed: members beyond it are absent */
};

/* Hashes below this are no content: the states of private data. */
enum ga_blob_state {
    GA_BLOB_NULL = 0,       /* null pointer */
    GA_BLOB_EMPTY = 1,      /* a pointer with size 0 */
    GA_BLOB_UNREADABLE = 2, /* the memory could not be read (EFAULT) */
    GA_BLOB_REFUSED = 3,    /* reading was forbidden (sandbox), or the blob was beyond GA_BLOB_MAX */
    GA_BLOB_FIRST_HASH = 16,
};
#define GA_BLOB_MAX (16u * 1024 * 1024) /* bytes of one blob that are kept */
#define GA_BLOB_CHUNK_WORDS 1024        /* 64-bit words in one gpualloc:blob event: fits a sub-buffer of 16 KiB */
#define GA_ARRAY_MAX 16384              /* entries of an ARRAY member that are kept; MakeResident and Evict allow 10,240 */
#define GA_ELEMENTS_MAX 4096            /* elements of one row and call that are kept; interfaces allow 2048 in an array */
#define GA_CHAIN_MAX 32                 /* links of a CHAIN that are kept; xe allows 16 */

#include "schema/rows.h" /* generated: enum ga_row_id { GA_ROW_provider_event…, GA_ROW_COUNT } */

extern const struct ga_row ga_rows[GA_ROW_COUNT];

/* The type (_IOC_TYPE) of a driver's requests: 'd' of DRM's; others are of devices that are none and hand out dma-bufs or memory of
   GPUs (/dev/kfd, /dev/dma_heap, /dev/udmabuf). Async-signal-safe. */
char ga_driver_type(const char *driver);
/* The row of a DRM driver's request: number is _IOC_NR; driver as DRM_IOCTL_VERSION names it. Requests below 0x40 and from 0xA0
   on are DRM core's, whatever the driver. Null when there is none. Async-signal-safe. */
const struct ga_row *ga_row_drm(const char *driver, unsigned number);
/* The row of a /dev/dxg request; null when there is none. Async-signal-safe. */
const struct ga_row *ga_row_dxg(unsigned number);
/* The row of an event by its LTTng name ("d3dkmt:create_allocation"); null when there is none. */
const struct ga_row *ga_row_by_name(const char *name);
/* The member of a row by its name; null when there is none (or name is null). */
const struct ga_member *ga_row_member(const struct ga_row *row, const char *name);

/* An integer of width bytes at address, sign-extended when is_signed. */
uint64_t ga_load(const void *address, unsigned width, bool is_signed);
/* Value of a member in a record: before the call (ga_member_in) or after it (ga_member_out); 0 where the direction has none. */
uint64_t ga_member_in(const struct ga_member *member, const void *record);
uint64_t ga_member_out(const struct ga_member *member, const void *record);
/* Whether a member is in this record: the structure was passed long enough, and its union arm is the active one. size is the
   record's header.size; call_row and call_record are the call's own for an element, ignored for a call. */
bool ga_member_present(const struct ga_row *row, const struct ga_member *member, const void *record, uint32_t size,
                       const struct ga_row *call_row, const void *call_record);

/* Ids of rows, usable by code that names one row. */
static inline enum ga_row_id ga_row_id(const struct ga_row *row) { return (enum ga_row_id)(row - ga_rows); }

/* Which interface a row is of; neither for gpualloc's own events. Async-signal-safe. */
static inline bool ga_row_is_d3dkmt(const struct ga_row *row) { return row->provider[1] == '3'; }
static inline bool ga_row_is_drm(const struct ga_row *row) { return row->provider[1] == 'r'; }
/* Of a device that is no GPU and makes dma-bufs: a DMA heap, or /dev/udmabuf (what it returns is the descriptor). */
static inline bool ga_row_is_udmabuf(const struct ga_row *row) { return ga_row_is_drm(row) && ga_driver_type(row->driver) == 'u'; }
static inline bool ga_row_is_of_heap(const struct ga_row *row)
{
    return ga_row_is_udmabuf(row) || (ga_row_is_drm(row) && ga_driver_type(row->driver) == 'H');
}
/* Whether it is mmap, munmap or mremap. */
static inline bool ga_row_is_mapping(const struct ga_row *row) { return row->kind == GA_ROW_CALL && row->number == GA_NO_REQUEST; }

/* Whether a call failed: -1 from an ioctl, or a negative NTSTATUS (259, STATUS_PENDING, is success). */
bool ga_call_failed(const struct ga_row *row, const struct ga_call_header *header);
/* The NTSTATUS that the thunk gave or would give (libdxg's table from errno), for d3dkmt calls. */
uint32_t ga_call_status(const struct ga_call_header *header);
/* The errno that libdxg makes an NTSTATUS from: ENOTTY for UNSUCCESSFUL and others that stand for many, 0 for a success. */
int ga_status_error(uint32_t status);

/* A paging fence's value that a d3dkmt call gave: its work is done when the queue's fence has reached it. */
struct ga_paging_promise {
    uint32_t queue;
    uint64_t value;
};
/* Whether a call that succeeded gave one. Async-signal-safe. */
bool ga_paging_promise_of(enum ga_row_id row, const void *record, struct ga_paging_promise *promise);

#endif
