#define _GNU_SOURCE
#include "sink.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "packet.h"

#define BUFFER_BYTES (4 << 20)

static int sink_open(const char *host, uint16_t port)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, bytes = BUFFER_BYTES, fd = socket(AF_INET, SOCK_DGRAM, 0);

    inet_pton(AF_INET, host, &own.sin_addr);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own)) {
        perror("sink");
        exit(2);
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return fd;
}

static uint64_t arrival_us(struct msghdr *message)
{
    struct timespec at = {0};

    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part))
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS)
            memcpy(&at, CMSG_DATA(part), sizeof at);
    return at.tv_sec * 1000000ull + at.tv_nsec / 1000;
}

/* The session's number: what follows the tag in its Acct-Session-Id. */
static uint32_t session_of(const uint8_t *packet, uint16_t length)
{
    uint8_t size;
    char text[9] = "";
    const uint8_t *value = attribute_find(packet, length, ACCT_SESSION_ID, &size);

    if (value && size == 8)
        memcpy(text, value, 8);
    return strtoul(text, NULL, 16) & 0xffffff;
}

static void take_command(int fd, FILE *log)
{
    uint8_t packet[4096], control[128];
    struct sockaddr_in from;
    struct iovec at = {packet, sizeof packet};
    struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &at, .msg_iovlen = 1,
                             .msg_control = control, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(fd, &message, 0);

    if (length < 20)
        return;
    uint32_t session = session_of(packet, length);
    uint8_t code = packet[0];
    uint16_t ack = coa_acknowledge(packet, length);
    if (ack)
        sendto(fd, packet, ack, 0, (struct sockaddr *)&from, sizeof from);
    fprintf(log, "%u %llu %u\n", session, (unsigned long long)arrival_us(&message), ack ? code : 0);
}

void sink_run(const char *host, uint16_t port, const char *path, volatile sig_atomic_t *stopped)
{
    FILE *log = fopen(path, "w");
    int fd = sink_open(host, port);

    if (!log) {
        perror(path);
        exit(2);
    }
    while (!*stopped) {
        if (poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 50) > 0)
            take_command(fd, log);
        else
            fflush(log);
    }
    fclose(log);
}
