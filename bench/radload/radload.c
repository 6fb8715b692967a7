/* radload: a RADIUS load generator. One thread, own packets, answers in bursts; prints one line of JSON. See README.md. */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "latency.h"
#include "links.h"
#include "modes.h"
#include "sink.h"

#define SECONDS_MAX 3600
#define GIVE_UP_US 15000000 /* for stragglers after the last request */

static const char USAGE[] =
    "usage: radload -m start|open|interim|cross|mix|pap|chap|storm|sink [options]\n"
    "  -h host, -p accounting port, -a authentication port, -s secret (127.0.0.1, 1813, 1812, testing123)\n"
    "  -w requests in flight (64; closed loop), with -L no more than so many a second; or -r requests a second (open loop)\n"
    "  -u seconds of warm-up (1), -d seconds counted (5)\n"
    "  -n users (1000), -b first user (0), -N NASes (16), -P source ports of each NAS (4)\n"
    "  -t tag: first byte of Acct-Session-Ids, hex (a1); -T start of the sessions, seconds since 1970\n"
    "  -i Interims per session (4), -f sessions at once (20000): mix\n"
    "  -x first:count:bytes:rate: users that pass their cap, and how many a second: cross\n"
    "  -A Message-Authenticator in Access-Requests\n"
    "  -k file of the Class of each session: open writes it, start, interim and cross echo it\n"
    "  -V verify one answer in so many (1), -R seconds to a retransmission (3)\n"
    "  -o file of the last acknowledged counters, -l log file: cross, sink\n";

static struct {
    const struct mode *mode;
    const char *name, *host, *acknowledged;
    uint16_t acct_port, auth_port;
    uint32_t window, ports, verify_every;
    double limit, warm_up, duration, retransmit;
} run = {.host = "127.0.0.1", .acct_port = 1813, .auth_port = 1812, .window = 64, .ports = 4, .verify_every = 1,
         .warm_up = 1, .duration = 5, .retransmit = 3};

static struct config config = {.secret = "testing123", .nases = 16, .tag = 0xa1};

static struct latency latency;
static uint64_t began_us, count_from_us, count_to_us, last_answer_us, codes[256], by_second[SECONDS_MAX];
static uint64_t issued, held_back;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void answered(struct slot *slot, const uint8_t *reply, uint16_t length)
{
    uint64_t now = clock_us();

    last_answer_us = now;
    if ((now - began_us) / 1000000 < SECONDS_MAX)
        by_second[(now - began_us) / 1000000]++;
    if (now >= count_from_us && now < count_to_us) {
        latency_add(&latency, now > slot->due_us ? now - slot->due_us : 0);
        codes[reply[0]]++;
    }
    run.mode->answered(slot, reply, length);
}

/* A job that found no free identifier waits here; its latency runs on. */
static struct {
    bool waiting;
    struct job job;
    uint64_t due_us;
} pending;

static bool submit_pending(void)
{
    struct slot *slot = slot_take(&pending.job.request);

    pending.waiting = !slot;
    if (!slot) {
        held_back++;
        return false;
    }
    slot->job = pending.job;
    slot->due_us = pending.due_us;
    slot_send(slot);
    if (run.mode->sent)
        run.mode->sent(slot);
    return true;
}

static bool paced(uint64_t now, uint64_t *due)
{
    if (plan.rate <= 0) {
        *due = now;
        return in_flight < run.window && (run.limit <= 0 || issued <= (now - began_us) * run.limit / 1e6);
    }
    *due = began_us + (uint64_t)(issued / plan.rate * 1e6);
    return *due <= now;
}

static void produce(uint64_t now)
{
    if (pending.waiting && !submit_pending())
        return;
    while (run.mode->next_at_once && run.mode->next_at_once(&pending.job, now)) {
        pending.due_us = now;
        if (!submit_pending())
            return;
    }
    while (paced(now, &pending.due_us)) {
        if (!run.mode->next(&pending.job, now))
            return;
        issued++;
        if (!submit_pending())
            return;
    }
}

static void drive(void)
{
    uint64_t now = began_us, next_retransmit = began_us, deadline = count_to_us;
    bool over = false;

    while (!over || (in_flight && now < deadline)) {
        if (!over)
            produce(now);
        links_flush();
        links_receive(plan.rate > 0 || run.limit > 0 ? 1 : 10, run.verify_every, answered);
        now = clock_us();
        if (now >= next_retransmit) {
            links_retransmit(now, (uint64_t)(run.retransmit * 1e6));
            next_retransmit = now + 100000;
        }
        if (!over && (stopped || now >= count_to_us || (run.mode->finished && run.mode->finished()))) {
            over = true;
            deadline = now + GIVE_UP_US;
        }
    }
    counts.lost += in_flight;
}

static void report(void)
{
    struct rusage usage;
    uint64_t end = last_answer_us < count_to_us ? last_answer_us : count_to_us;
    double seconds = end > count_from_us ? (end - count_from_us) / 1e6 : 0;
    uint64_t last_second = last_answer_us > began_us ? (last_answer_us - began_us) / 1000000 : 0;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"mode\": \"%s\", \"window\": %u, \"rate\": %.0f, \"t0\": %llu, \"began\": %.6f, \"seconds\": %.3f, "
           "\"counted\": %llu, \"rps\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, ",
           run.name, plan.rate > 0 ? 0 : run.window, plan.rate, (unsigned long long)plan.t0, began_us / 1e6, seconds,
           (unsigned long long)latency.count, seconds > 0 ? latency.count / seconds : 0, latency_at(&latency, 0.5),
           latency_at(&latency, 0.99), latency.max_us / 1000.0);
    printf("\"sent\": %llu, \"answered\": %llu, \"accepts\": %llu, \"rejects\": %llu, \"retransmits\": %llu, "
           "\"lost\": %llu, \"bad_authenticators\": %llu, \"strays\": %llu, \"held_back\": %llu, \"cpu_s\": %.3f, ",
           (unsigned long long)counts.sent, (unsigned long long)counts.answered,
           (unsigned long long)codes[ACCESS_ACCEPT], (unsigned long long)codes[ACCESS_REJECT],
           (unsigned long long)counts.retransmits, (unsigned long long)counts.lost, (unsigned long long)counts.bad,
           (unsigned long long)counts.strays, (unsigned long long)held_back,
           usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    printf("\"by_second\": [");
    for (uint64_t i = 0; i <= last_second && i < SECONDS_MAX; i++)
        printf("%s%llu", i ? ", " : "", (unsigned long long)by_second[i]);
    printf("]}\n");
}

static void usage_error(void)
{
    fputs(USAGE, stderr);
    exit(2);
}

static void read_option(int option)
{
    switch (option) {
    case 'm': run.name = optarg; break;
    case 'h': run.host = optarg; break;
    case 'p': run.acct_port = atoi(optarg); break;
    case 'a': run.auth_port = atoi(optarg); break;
    case 's': config.secret = optarg; break;
    case 'w': run.window = atoi(optarg); break;
    case 'r': plan.rate = atof(optarg); break;
    case 'L': run.limit = atof(optarg); break;
    case 'u': run.warm_up = atof(optarg); break;
    case 'd': run.duration = atof(optarg); break;
    case 'n': plan.users = atoi(optarg); break;
    case 'b': plan.base = atoi(optarg); break;
    case 'N': config.nases = atoi(optarg); break;
    case 'P': run.ports = atoi(optarg); break;
    case 't': config.tag = strtoul(optarg, NULL, 16); break;
    case 'T': plan.t0 = strtoull(optarg, NULL, 10); break;
    case 'i': plan.interims = atoi(optarg); break;
    case 'f': plan.active = atoi(optarg); break;
    case 'x':
        if (sscanf(optarg, "%u:%u:%lu:%lf", &plan.cross_base, &plan.cross_n, &plan.cross_bytes, &plan.cross_rate) != 4)
            usage_error();
        break;
    case 'A': config.message_authenticator = true; break;
    case 'k': plan.classes = optarg; break;
    case 'V': run.verify_every = atoi(optarg); break;
    case 'R': run.retransmit = atof(optarg); break;
    case 'o': run.acknowledged = optarg; break;
    case 'l': plan.log = optarg; break;
    default: usage_error();
    }
}

static void check_options(void)
{
    bool sane = run.name && plan.users && run.ports && run.verify_every && run.window && config.nases &&
                config.nases <= NASES_MAX && strlen(config.secret) <= 64 &&
                plan.base + plan.users <= USERS_MAX && plan.cross_base + plan.cross_n <= USERS_MAX;

    if (!sane || (!strcmp(run.name, "cross") && (!plan.log || !plan.cross_n)) ||
        (!strcmp(run.name, "sink") && !plan.log) || (!strcmp(run.name, "storm") && plan.rate <= 0))
        usage_error();
    if (*(const uint8_t *)&(uint16_t){1} != 1) {
        fputs("radload runs on little-endian machines only\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    int option;

    plan = (struct plan){.users = 1000, .interims = 4, .active = 20000};
    while ((option = getopt(argc, argv, "m:h:p:a:s:w:r:L:u:d:n:b:N:P:t:T:i:f:x:Ak:V:R:o:l:")) != -1)
        read_option(option);
    check_options();
    plan.nases = config.nases;
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    packets_prepare(&config);
    if (!strcmp(run.name, "sink")) {
        sink_run(run.host, run.acct_port, plan.log, &stopped);
        return 0;
    }
    run.mode = mode_find(run.name);
    if (!run.mode)
        usage_error();
    links_open(run.host, run.acct_port, run.auth_port, config.nases, run.ports);
    began_us = clock_us();
    count_from_us = began_us + (uint64_t)(run.warm_up * 1e6);
    count_to_us = count_from_us + (uint64_t)(run.duration * 1e6);
    run.mode->begin(began_us);
    drive();
    if (plan.classes && !strcmp(run.name, "open"))
        modes_keep_classes();
    if (run.acknowledged)
        modes_write_acknowledged(run.acknowledged);
    report();
    return 0;
}
