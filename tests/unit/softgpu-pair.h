/* Two processes that use softgpu's core, for the unit tests of what they share. NT handles are numbers, closed by take_number. */
#ifndef TESTS_SOFTGPU_PAIR_H
#define TESTS_SOFTGPU_PAIR_H

#include "softgpu-process.h"

/* ---- NT handles: numbers from 1000 on -------------------------------------------------------------------------------------- */

enum { NUMBERS = 256, FIRST_NUMBER = 1000 };
static struct number {
    struct softgpu_name name;
    bool open;
} numbers[NUMBERS];
static int number_count;
static bool none_left; /* no more descriptors */

static inline int give_number(void *user, struct softgpu_name *name)
{
    (void)user;
    assert_in_range(number_count, 0, NUMBERS - 1);
    if (none_left)
        return -EMFILE;
    name->note = 77;
    numbers[number_count] = (struct number){*name, true};
    return FIRST_NUMBER + number_count++;
}

static inline void take_number(void *user, int number)
{
    (void)user;
    numbers[number - FIRST_NUMBER].open = false;
}

static inline int read_number(void *user, uint64_t number, struct softgpu_name *name)
{
    (void)user;
    if (number < FIRST_NUMBER || number >= FIRST_NUMBER + (uint64_t)number_count || !numbers[number - FIRST_NUMBER].open)
        return -EINVAL;
    *name = numbers[number - FIRST_NUMBER].name;
    return 0;
}

static inline bool number_is_open(void *user, const struct softgpu_name *name)
{
    (void)user;
    assert_int_equal(name->note, 77);
    for (int i = 0; i < number_count; i++)
        if (numbers[i].name.serial == name->serial && numbers[i].name.index == name->index)
            return numbers[i].open;
    return false;
}

/* ---- Two processes that have a device each --------------------------------------------------------------------------------- */

struct pair {
    struct fixture a, b;
    struct softgpu_memory memory;
};

static inline void start_pair(struct pair *p)
{
    number_count = 0;
    none_left = false;
    p->a = start_with_device(&one_gib);
    p->a.memory.share = give_number;
    p->a.memory.unshare = take_number;
    p->a.memory.shared = read_number;
    p->a.memory.held = number_is_open;
    p->b = p->a;
    softgpu_lock(p->a.gpu);
    p->b.place = softgpu_process_enter(p->a.gpu, 200, 2);
    softgpu_unlock(p->a.gpu);
    open_device(&p->b);
}

#endif
