/* What the simulated routers send: which request comes next, and what an answer leads to. */
#ifndef RADLOAD_MODES_H
#define RADLOAD_MODES_H

#include "links.h"

struct plan {
    uint32_t users, base;         /* users base … base + users - 1 */
    uint64_t t0;                  /* when the sessions began, seconds since 1970 */
    uint32_t interims, active;    /* mix: interims per session, sessions alive at once */
    uint32_t nases;
    double rate;                  /* open loop: requests (storm: logins) a second; 0: closed loop */
    uint32_t cross_base, cross_n; /* cross: the users that reach their cap … */
    uint64_t cross_bytes;         /* … by a packet with so many bytes more */
    double cross_rate;            /* … of which so many come a second */
    const char *log;              /* cross: when each such packet was sent, one "session microseconds" a line */
    const char *classes;          /* file of the Class of each user's session: open writes it, the others read it */
};

struct mode {
    const char *name;
    void (*begin)(uint64_t now_us);
    bool (*next)(struct job *job, uint64_t now_us);       /* a request that the pace governs; false: no more for now */
    bool (*next_at_once)(struct job *job, uint64_t now_us); /* one that follows from an answer; may be NULL */
    void (*sent)(const struct slot *slot);                 /* may be NULL */
    void (*answered)(const struct slot *slot, const uint8_t *reply, uint16_t length);
    bool (*finished)(void);                                /* everything has been sent; NULL: only time ends it */
};

extern struct plan plan;

const struct mode *mode_find(const char *name);

/* At the end of a run: the Class of each session that `open` began goes to plan.classes. */
void modes_keep_classes(void);

/* Writes "user input output" of the last acknowledged packet of each session. */
void modes_write_acknowledged(const char *path);

#endif
