/*
 * Errors: functions that can fail return 0 or a negative errno and leave one line for people in a struct ga_error.
 * The message is made where the fact is known; each caller puts its own words before it: "replay: call 18 (create): …".
 */
#ifndef GPUALLOC_BASE_ERROR_H
#define GPUALLOC_BASE_ERROR_H

struct ga_error {
    char text[512]; /* one line without newline; a longer message is cut */
};

/* Exit statuses of every verb, documented in gpualloc(1). */
enum ga_exit {
    GA_EXIT_OK = 0,
    GA_EXIT_FAILURE = 1,     /* the job could not be done */
    GA_EXIT_USAGE = 2,       /* unknown verb, option or argument */
    GA_EXIT_REGRESSED = 3,   /* compare: the new result is significantly worse */
    GA_EXIT_LOSSY = 4,       /* the trace lost events, and the verb was not told to accept it */
    GA_EXIT_FINDINGS = 5,    /* lint: it found something */
    GA_EXIT_UNFAITHFUL = 6,  /* replay: its fidelity is below the one asked for */
    GA_EXIT_REMOVED = 7,     /* replay: the device was removed */
    GA_EXIT_EXHAUSTED = 8,   /* replay: the device had no memory for what the recording's had */
    GA_EXIT_HUNG = 9,        /* replay: a call did not come back in time */
    GA_EXIT_TIME = 10,       /* replay: the time allowed was over */
    GA_EXIT_DIED = 11,       /* replay: one of its worker processes died */
    GA_EXIT_OWN = 125,       /* record, run: our own failure before the program ran; as timeout(1) */
    GA_EXIT_NOT_EXECUTABLE = 126,
    GA_EXIT_NOT_FOUND = 127,
};

/* Sets the message; returns -errnum. error may be null. */
int ga_error_set(struct ga_error *error, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, ending with ": " and errnum's own text. */
int ga_error_errno(struct ga_error *error, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts words before the message ("words: message"); returns result unchanged, so that a caller can `return` it. */
int ga_error_prefix(struct ga_error *error, int result, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Prints "gpualloc VERB: message" and a newline to stderr. */
void ga_error_print(const char *verb, const struct ga_error *error);

#endif
