/* Pages that are mappings of a GPU device: see mappings.h. */
#include "preload/mappings.h"

#include <unistd.h>

#include "preload/process.h"

enum {
    PAGE = 4096, /* bytes that a bit stands for: the smallest page of any machine */
    PAGES = 512, /* in a piece */
    WORDS = PAGES / 64,
    PIECES = 16384, /* 32 GiB of mappings, where they lie close together */
    PROBES = 128,
};

struct piece {
    atomic_ullong key; /* its number and 1; 0: free */
    atomic_ullong marks[WORDS];
};

static struct piece pieces[PIECES];
atomic_long mappings_pages;

/* A range in pages; false when the kernel would refuse it. */
static bool pages_of(uint64_t address, uint64_t length, uint64_t *first, uint64_t *end)
{
    uint64_t size = (uint64_t)getpagesize();
    if (address % size || !length || length > UINT64_MAX - address - size)
        return false;
    *first = address / PAGE;
    *end = (address + (length + size - 1) / size * size) / PAGE;
    return true;
}

/* The piece of this number; null when it has none (and make is false, or there is no room near its place). */
static struct piece *piece_of(uint64_t number, bool make)
{
    unsigned place = (unsigned)(number * 0x9e3779b97f4a7c15u >> 32);
    for (unsigned i = 0; i < PROBES; i++) {
        struct piece *piece = &pieces[(place + i) % PIECES];
        unsigned long long key = atomic_load_explicit(&piece->key, memory_order_acquire);
        if (!key && !make)
            return NULL;
        if (!key && atomic_compare_exchange_strong(&piece->key, &key, number + 1))
            return piece;
        if (key == number + 1)
            return piece;
    }
    return NULL;
}

/* The bits of one word for the pages [first, end) that lie in the 64 from `at` on. */
static uint64_t bits_of(uint64_t at, uint64_t first, uint64_t end)
{
    uint64_t low = first > at ? first - at : 0, high = end < at + 64 ? end - at : 64;
    if (end <= at || low >= 64)
        return 0;
    return (high == 64 ? ~0ull : (1ull << high) - 1) & ~0ull << low;
}

/* Marks or unmarks the pages [first, end) of a piece; how many changed. */
static long change(struct piece *piece, uint64_t first, uint64_t end, bool mark)
{
    uint64_t at = (atomic_load_explicit(&piece->key, memory_order_relaxed) - 1) * PAGES;
    long changed = 0;
    for (unsigned w = 0; w < WORDS; w++, at += 64) {
        uint64_t bits = bits_of(at, first, end);
        if (!bits || (!mark && !(atomic_load_explicit(&piece->marks[w], memory_order_relaxed) & bits)))
            continue;
        uint64_t old = mark ? atomic_fetch_or(&piece->marks[w], bits) : atomic_fetch_and(&piece->marks[w], ~bits);
        changed += __builtin_popcountll(bits & (mark ? ~old : old));
    }
    return changed;
}

static bool mark(uint64_t first, uint64_t end, bool make)
{
    for (uint64_t number = first / PAGES; number <= (end - 1) / PAGES; number++) {
        struct piece *piece = piece_of(number, make);
        if (piece)
            atomic_fetch_add(&mappings_pages, change(piece, first, end, true));
        else if (make)
            return false;
    }
    return true;
}

void mappings_add(uint64_t address, uint64_t length)
{
    uint64_t first, end;
    if (pages_of(address, length, &first, &end) && !mark(first, end, true))
        process_trouble(PROCESS_TROUBLE_MAPPINGS_FULL);
}

bool mappings_take(uint64_t address, uint64_t length)
{
    uint64_t first, end;
    long changed = 0;
    if (!pages_of(address, length, &first, &end))
        return false;
    if ((end - first) / PAGES >= PIECES) {
        /* Larger than all that is known: what is known is asked. */
        for (struct piece *piece = pieces; piece < pieces + PIECES; piece++)
            if (atomic_load_explicit(&piece->key, memory_order_acquire))
                changed += change(piece, first, end, false);
    } else {
        for (uint64_t number = first / PAGES; number <= (end - 1) / PAGES; number++) {
            struct piece *piece = piece_of(number, false);
            changed += piece ? change(piece, first, end, false) : 0;
        }
    }
    if (changed)
        atomic_fetch_sub(&mappings_pages, changed);
    return changed != 0;
}

void mappings_restore(uint64_t address, uint64_t length)
{
    uint64_t first, end;
    if (pages_of(address, length, &first, &end) && (end - first) / PAGES < PIECES)
        (void)mark(first, end, false);
}

void mappings_forget(void)
{
    for (struct piece *piece = pieces; piece < pieces + PIECES; piece++)
        for (unsigned w = 0; w < WORDS && atomic_load(&piece->key); w++)
            atomic_store(&piece->marks[w], 0);
    atomic_store(&mappings_pages, 0);
}
