/*
 * What calls do to GPU virtual addresses: which address space, which addresses, for which allocation. A table tells it, a row a
 * request; what becomes of the addresses is for the caller to keep.
 */
#ifndef GPUALLOC_ANALYZER_ADDRESSES_H
#define GPUALLOC_ANALYZER_ADDRESSES_H

#include "reader/reader.h"

enum address_change_kind {
    ADDRESS_UNCHANGED,
    ADDRESS_TAKE,      /* in place of what is there */
    ADDRESS_HAS,       /* the allocation has this address and no other, perhaps since before; 0: it has none */
    ADDRESS_GIVE,      /* whatever is in it */
    ADDRESS_GIVE_AT,   /* all of the mapping that begins there */
    ADDRESS_GIVE_ALL,  /* all that the allocation has in the space */
    ADDRESS_RESERVE,   /* takes, and until it is given back (ADDRESS_UNRESERVE) what is given of it stays taken, by nobody */
    ADDRESS_UNRESERVE,
    ADDRESS_BEGIN,     /* the space is a new one */
    ADDRESS_END,       /* it is gone, with all that is in it */
};

#define ADDRESS_ONE_SPACE UINT64_MAX

struct address_change {
    enum address_change_kind kind;
    uint64_t scope;  /* of the space and of the handle: the process of D3DKMT, the file of DRM */
    uint64_t vm;     /* the driver's number of the space in it, or ADDRESS_ONE_SPACE: it has no other */
    bool ends_with_handle; /* what an allocation has in the space goes with its handle */
    uint32_t handle; /* of the allocation that it is about, or 0 */
    uint64_t address;
    uint64_t size;   /* bytes; meaningless when whole */
    bool whole;      /* it is all of the allocation */
};

typedef int address_tell(void *user, const struct ga_call *call, const struct address_change *change);
/* Tells what a call that did not fail did, in its order. 0, or what tell returned when that was not 0. */
int address_changes(const struct ga_call *call, address_tell *tell, void *user);

#endif
