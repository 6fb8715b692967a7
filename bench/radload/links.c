#define _GNU_SOURCE
#include "links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 128
#define TRIES 4
#define BUFFER_BYTES (4 << 20)

struct link {
    int fd;
    uint8_t next_id;
    uint16_t busy;
    uint32_t queued;
    struct mmsghdr out[BATCH];
    struct iovec out_at[BATCH];
    struct slot slots[256];
};

struct counts counts;
uint32_t in_flight;

static struct link *links;
static uint32_t links_n, first_auth_link, ports_per_nas, answers_seen;
static int epoll_fd;

uint64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000ull + now.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static void link_open(struct link *link, const struct sockaddr_in *server, uint32_t nas)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    int bytes = BUFFER_BYTES;

    link->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (link->fd < 0)
        die("socket");
    setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (ntohl(server->sin_addr.s_addr) >> 24 == 127) {
        own.sin_addr.s_addr = htonl(0x7f000201 + nas);
        if (bind(link->fd, (struct sockaddr *)&own, sizeof own))
            die("bind");
    }
    if (connect(link->fd, (const struct sockaddr *)server, sizeof *server))
        die("connect");
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, link->fd, &event))
        die("epoll_ctl");
}

void links_open(const char *host, uint16_t acct_port, uint16_t auth_port, uint32_t nases, uint32_t ports)
{
    struct sockaddr_in server = {.sin_family = AF_INET};

    if (inet_pton(AF_INET, host, &server.sin_addr) != 1)
        die("host");
    ports_per_nas = ports;
    first_auth_link = nases * ports;
    links_n = 2 * first_auth_link;
    links = calloc(links_n, sizeof *links);
    epoll_fd = epoll_create1(0);
    if (!links || epoll_fd < 0)
        die("set-up");
    for (uint32_t i = 0; i < links_n; i++) {
        server.sin_port = htons(i < first_auth_link ? acct_port : auth_port);
        link_open(&links[i], &server, i % first_auth_link / ports);
        for (int id = 0; id < 256; id++) {
            links[i].slots[id].id = id;
            links[i].slots[id].link = i;
        }
    }
}

static struct slot *link_take(struct link *link)
{
    while (link->slots[link->next_id].busy)
        link->next_id++;
    link->busy++;
    in_flight++;
    struct slot *slot = &link->slots[link->next_id++];
    slot->busy = true;
    slot->tries = 0;
    return slot;
}

struct slot *slot_take(const struct request *request)
{
    static uint32_t turn;
    bool access = request->kind == PAP || request->kind == CHAP;
    struct link *first = &links[(access ? first_auth_link : 0) + nas_of(request->user) * ports_per_nas];

    turn++;
    for (uint32_t i = 0; i < ports_per_nas; i++) {
        struct link *link = &first[(turn + i) % ports_per_nas];
        if (link->busy < 256)
            return link_take(link);
    }
    return NULL;
}

static void slot_free(struct slot *slot)
{
    slot->busy = false;
    links[slot->link].busy--;
    in_flight--;
}

static void link_flush(struct link *link)
{
    uint32_t done = 0;

    while (done < link->queued) {
        int n = sendmmsg(link->fd, link->out + done, link->queued - done, 0);
        if (n > 0)
            done += n;
        else if (errno == EAGAIN || errno == ENOBUFS)
            poll(&(struct pollfd){.fd = link->fd, .events = POLLOUT}, 1, 10);
        else if (errno != ECONNREFUSED && errno != EINTR) /* refused: the report of an earlier packet; cleared now */
            die("sendmmsg");
    }
    link->queued = 0;
}

static void enqueue(struct slot *slot)
{
    struct link *link = &links[slot->link];

    if (link->queued == BATCH)
        link_flush(link);
    link->out_at[link->queued] = (struct iovec){slot->packet, slot->length};
    link->out[link->queued].msg_hdr = (struct msghdr){.msg_iov = &link->out_at[link->queued], .msg_iovlen = 1};
    link->queued++;
    slot->tries++;
}

void slot_send(struct slot *slot)
{
    const struct request *request = &slot->job.request;

    slot->length = packet_build(request, slot->packet);
    packet_sign(request->kind, request->user, slot->id, slot->packet, slot->length);
    slot->sent_us = clock_us();
    counts.sent++;
    enqueue(slot);
}

void links_flush(void)
{
    for (uint32_t i = 0; i < links_n; i++)
        if (links[i].queued)
            link_flush(&links[i]);
}

static void take_reply(struct link *link, const uint8_t *reply, uint16_t length, uint32_t verify_every,
                       answered_fn answered)
{
    struct slot *slot = length < 20 ? NULL : &link->slots[reply[1]];

    if (!slot || !slot->busy) {
        counts.strays++; /* an answer to a retransmission whose first answer came after all */
        return;
    }
    if (++answers_seen % verify_every == 0 && !reply_is_genuine(reply, length, slot->packet)) {
        counts.bad++;
        return;
    }
    counts.answered++;
    slot_free(slot);
    answered(slot, reply, length);
}

static void link_receive(struct link *link, uint32_t verify_every, answered_fn answered)
{
    static uint8_t buffers[64][4096];
    static struct iovec at[64];
    static struct mmsghdr messages[64];
    int n;

    do {
        for (int i = 0; i < 64; i++) {
            at[i] = (struct iovec){buffers[i], sizeof buffers[i]};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &at[i], .msg_iovlen = 1};
        }
        n = recvmmsg(link->fd, messages, 64, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
            die("recvmmsg");
        for (int i = 0; i < n; i++)
            take_reply(link, buffers[i], messages[i].msg_len, verify_every, answered);
    } while (n == 64);
}

void links_receive(int timeout_ms, uint32_t verify_every, answered_fn answered)
{
    struct epoll_event events[64];
    int n = epoll_wait(epoll_fd, events, 64, timeout_ms);

    if (n < 0 && errno != EINTR)
        die("epoll_wait");
    for (int i = 0; i < n; i++)
        link_receive(events[i].data.ptr, verify_every, answered);
}

void links_retransmit(uint64_t now_us, uint64_t after_us)
{
    for (uint32_t i = 0; i < links_n; i++)
        for (int id = 0; links[i].busy && id < 256; id++) {
            struct slot *slot = &links[i].slots[id];
            if (!slot->busy || now_us < slot->sent_us + after_us * slot->tries)
                continue;
            if (slot->tries == TRIES) {
                counts.lost++;
                slot_free(slot);
            } else {
                counts.retransmits++;
                enqueue(slot);
            }
        }
    links_flush();
}
