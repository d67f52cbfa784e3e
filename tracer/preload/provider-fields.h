/*
 * The words of the .def files, meant for LTTng: a tracepoint's fields from the record `r`. Included inside each provider's
 * header at every reading (LTTng reads those headers several times), hence without a guard of its own.
 */
#include "schema/undef.inc"

#define GA_TP_DEC(type, name) lttng_ust_field_integer(type, name, r->name)
#define GA_TP_HEX(type, name) lttng_ust_field_integer_hex(type, name, r->name)
#define GA_TP_BYTES GA_TP_DEC
#define GA_TP_TIME GA_TP_DEC
#define GA_TP_IN(show, type, name) GA_TP_##show(type, name)
#define GA_TP_OUT GA_TP_IN
#define GA_TP_INOUT(show, type, name) GA_TP_##show(type, name) GA_TP_##show(type, name##_out)
#define GA_TP_ECHO GA_TP_INOUT
#define GA_TP_HASH_IN(name) GA_TP_HEX(uint64_t, name) GA_TP_HEX(uint64_t, name##_hash)
#define GA_TP_HASH_OUT(name) GA_TP_HEX(uint64_t, name) GA_TP_HEX(uint64_t, name##_out_hash)
#define GA_TP_HASH_INOUT(name) GA_TP_HASH_IN(name) GA_TP_HEX(uint64_t, name##_out_hash)
#define GA_TP_HASH_ECHO GA_TP_HASH_INOUT

#define FLAG_NAMES(...)
#define INT(dir, type, name, show, ...) GA_TP_##dir(show, GA_C_##type, name)
#define INT_AT(dir, type, name, path, show, ...) GA_TP_##dir(show, GA_C_##type, name)
#define FLAGS(dir, name, ...) GA_TP_##dir(HEX, uint32_t, name)
#define FLAGS_AT(dir, name, ...) GA_TP_##dir(HEX, uint32_t, name)
#define FLAGS64(dir, name, ...) GA_TP_##dir(HEX, uint64_t, name)
#define FLAGS64_AT(dir, name, ...) GA_TP_##dir(HEX, uint64_t, name)
#define PTR(dir, name, ...) GA_TP_##dir(HEX, uint64_t, name)
#define PTR_AT(dir, name, ...) GA_TP_##dir(HEX, uint64_t, name)
#define BLOB(dir, name, ...) GA_TP_HASH_##dir(name)
#define BLOB_AT BLOB
#define INLINE(dir, type, name, ...)                                                                                        \
    lttng_ust_field_sequence_hex(GA_C_##type, name##_list, r->name##_list, uint32_t, r->name##_length)
#define INLINE_ALL_AT INLINE
#define ARRAY(dir, type, name, ...) GA_TP_HEX(uint64_t, name) INLINE(dir, type, name)
#define ARRAY_ONE ARRAY
#define ELEMENTS(dir, name, ...)                                                                                            \
    GA_TP_HEX(uint64_t, name) GA_TP_DEC(uint32_t, name##_captured) GA_TP_DEC(uint32_t, name##_first)
#define ELEMENTS_ONE ELEMENTS
#define ELEMENTS_AT ELEMENTS
#define ELEMENTS_ONE_AT ELEMENTS
#define POINTERS_AT ELEMENTS
#define CHAIN ELEMENTS
#define CHAIN_AT ELEMENTS
#define HERE(name, ...) ELEMENTS(IN, name, )
#define EMBEDDED HERE
#define BEHIND HERE
#define INODE(name, ...) GA_TP_DEC(uint64_t, name)
#define INODE_RETURNED INODE
#define STR(name, ...) lttng_ust_field_string(name, r->name)
#define WORDS(name, ...) lttng_ust_field_sequence_hex(uint64_t, name##_list, r->name##_list, uint32_t, r->name##_length)

/* The header of every call (struct ga_call_header, without file and device, which only drm has). */
#define GA_TP_CALL_HEADER                                                                                                   \
    lttng_ust_field_integer_hex(uint64_t, process, r->header.process)                                                       \
    lttng_ust_field_integer(uint64_t, call, r->header.call)                                                                 \
    lttng_ust_field_integer(uint64_t, begin, r->header.begin)                                                               \
    lttng_ust_field_integer(uint64_t, end, r->header.end)                                                                   \
    lttng_ust_field_integer(int64_t, ret, r->header.ret)                                                                    \
    lttng_ust_field_integer(uint32_t, pid, r->header.pid)                                                                   \
    lttng_ust_field_integer(uint32_t, tid, r->header.tid)                                                                   \
    lttng_ust_field_integer(uint32_t, thread, r->header.thread)                                                             \
    lttng_ust_field_integer(uint32_t, arg_size, r->header.size)                                                             \
    lttng_ust_field_integer(int32_t, error, r->header.error)                                                                \
    lttng_ust_field_integer(uint8_t, layer, r->header.layer)                                                                \
    lttng_ust_field_integer_hex(uint8_t, marks, r->header.marks)

#define GA_TP_ELEMENT_HEADER                                                                                                \
    lttng_ust_field_integer_hex(uint64_t, process, r->header.process)                                                       \
    lttng_ust_field_integer(uint64_t, call, r->header.call)                                                                 \
    lttng_ust_field_integer(uint32_t, thread, r->header.thread)                                                             \
    lttng_ust_field_integer(uint32_t, index, r->header.index)                                                               \
    lttng_ust_field_integer(uint32_t, element_size, r->header.size)
