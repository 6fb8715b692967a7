/* Sockets of the simulated routers, and the requests in flight on them: 256 identifiers per source port (RFC 2865 section 3). */
#ifndef RADLOAD_LINKS_H
#define RADLOAD_LINKS_H

#include "packet.h"

struct job {
    struct request request;
    uint32_t entry; /* the mode's own: which of its sessions this is */
};

struct slot {
    bool busy;
    uint8_t id, tries;
    uint16_t length, link;
    struct job job;
    uint64_t due_us, sent_us; /* latency counts from `due`, so that a generator running late can't flatter the server */
    uint8_t packet[PACKET_MAX];
};

struct counts {
    uint64_t sent, answered, retransmits, lost, bad, strays;
};

extern struct counts counts;
extern uint32_t in_flight;

uint64_t clock_us(void);

/* Opens `ports` sockets for each NAS to either port of the server. On loopback NAS n sends from 127.0.2.(n + 1). */
void links_open(const char *host, uint16_t acct_port, uint16_t auth_port, uint32_t nases, uint32_t ports);

/* A free slot on a port of the request's NAS, or NULL when all its identifiers are in flight. */
struct slot *slot_take(const struct request *request);

/* Queues the slot's job, which must be filled in; links_flush sends. */
void slot_send(struct slot *slot);
void links_flush(void);

typedef void (*answered_fn)(struct slot *slot, const uint8_t *reply, uint16_t length);

/* Waits for answers, at most so many milliseconds. Checks the signature of one answer in `verify_every`. */
void links_receive(int timeout_ms, uint32_t verify_every, answered_fn answered);

/* Sends again what has waited longer than this, three times; then it is lost. */
void links_retransmit(uint64_t now_us, uint64_t after_us);

#endif
