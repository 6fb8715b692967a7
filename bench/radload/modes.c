#include "modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE 48271 /* a prime that divides no round number: neighbours in time are far apart in the tables */

struct plan plan;

struct counters {
    uint64_t input, output;
};

/* The Class that an Accept handed out, by user. */
struct class_value {
    uint8_t length;
    uint8_t value[CLASS_MAX];
};

static struct class_value classes[USERS_MAX];
static struct counters *acknowledged; /* per user, from plan.base on; cross: the crossing users after all others */
static uint64_t position;

static FILE *open_file(const char *path, const char *how)
{
    FILE *file = fopen(path, how);

    if (!file) {
        perror(path);
        exit(2);
    }
    return file;
}

static void steady_begin(uint64_t now_us)
{
    if (!plan.t0)
        plan.t0 = now_us / 1000000;
    acknowledged = calloc(plan.users + plan.cross_n, sizeof *acknowledged);
    if (plan.classes) {
        FILE *file = open_file(plan.classes, "r");
        size_t users = fread(classes, sizeof *classes, USERS_MAX, file);
        fclose(file);
        if (users < plan.base + plan.users || users < plan.cross_base + plan.cross_n) {
            fprintf(stderr, "%s: holds only %zu users\n", plan.classes, users);
            exit(2);
        }
    }
}

void modes_keep_classes(void)
{
    FILE *file = open_file(plan.classes, "w");

    fwrite(classes, sizeof *classes, plan.base + plan.users, file);
    fclose(file);
}

static struct request accounting(enum kind kind, uint32_t user)
{
    return (struct request){
        .kind = kind,
        .user = user,
        .session = user,
        .class_value = classes[user].value,
        .class_length = classes[user].length,
    };
}

static uint32_t scattered(void)
{
    return plan.base + position++ * STRIDE % plan.users;
}

/* Customers differ: 50 to 500 kB/s down, an eighth of it up. */
static struct usage usage_since(uint32_t user, uint64_t began_us, uint64_t now_us)
{
    uint64_t rate = 50000 + (user * 2654435761u >> 8) % 450000;
    uint64_t elapsed_us = now_us > began_us ? now_us - began_us : 0;
    uint64_t output = (unsigned __int128)rate * elapsed_us / 1000000;

    return (struct usage){
        .event = began_us / 1000000 + elapsed_us / 1000000,
        .seconds = elapsed_us / 1000000,
        .input = output / 8,
        .output = output,
    };
}

static void steady_answered(const struct slot *slot, const uint8_t *reply, uint16_t length)
{
    const struct request *request = &slot->job.request;
    bool crossing = slot->job.entry;
    uint32_t at = crossing ? plan.users + request->user - plan.cross_base : request->user - plan.base;

    (void)reply, (void)length;
    if (request->usage.output >= acknowledged[at].output)
        acknowledged[at] = (struct counters){request->usage.input, request->usage.output};
}

void modes_write_acknowledged(const char *path)
{
    FILE *file = open_file(path, "w");

    for (uint32_t i = 0; acknowledged && i < plan.users + plan.cross_n; i++) {
        uint32_t user = i < plan.users ? plan.base + i : plan.cross_base + i - plan.users;
        if (acknowledged[i].output)
            fprintf(file, "%u %llu %llu\n", user, (unsigned long long)acknowledged[i].input,
                    (unsigned long long)acknowledged[i].output);
    }
    fclose(file);
}

/* start: one Start for each user, for an event at t0 that is reported as fast as the pace allows. */

static void fill_start(struct job *job, uint32_t user, uint64_t now_us)
{
    uint64_t now = now_us / 1000000;

    job->request = accounting(START, user);
    job->request.usage = (struct usage){.event = plan.t0, .delay = now > plan.t0 ? now - plan.t0 : 0};
}

static bool start_next(struct job *job, uint64_t now_us)
{
    if (position >= plan.users)
        return false;
    fill_start(job, scattered(), now_us);
    return true;
}

static bool all_users_sent(void)
{
    return position >= plan.users;
}

/* interim: Interim-Updates of all sessions, round after round. */

static bool interim_next(struct job *job, uint64_t now_us)
{
    uint32_t user = scattered();

    job->entry = 0;
    job->request = accounting(INTERIM, user);
    job->request.usage = usage_since(user, plan.t0 * 1000000, now_us);
    return true;
}

/* cross: interim, and among them, evenly spaced, packets that take a service over its cap. */

static uint32_t crossed;
static uint64_t began_us;
static FILE *crossing_log;

static void cross_begin(uint64_t now_us)
{
    steady_begin(now_us);
    began_us = now_us;
    crossing_log = open_file(plan.log, "w");
}

static bool cross_next(struct job *job, uint64_t now_us)
{
    if (crossed == plan.cross_n || crossed >= (now_us - began_us) * plan.cross_rate / 1e6)
        return interim_next(job, now_us);
    uint32_t user = plan.cross_base + crossed++;
    job->entry = 1;
    job->request = accounting(INTERIM, user);
    job->request.usage = usage_since(user, plan.t0 * 1000000, now_us);
    job->request.usage.output += plan.cross_bytes;
    return true;
}

static void cross_sent(const struct slot *slot)
{
    if (slot->job.entry)
        fprintf(crossing_log, "%u %llu\n", slot->job.request.session, (unsigned long long)slot->sent_us);
}

/* mix: sessions one after the other on each of `active` lines: Start, some Interims, Stop. */

struct line {
    uint32_t session, stage;
    uint64_t began_us;
};

static struct line *lines;
static uint32_t *ready, ready_from, ready_n, next_session;

static void push(uint32_t value, uint32_t capacity)
{
    ready[(ready_from + ready_n++) % capacity] = value;
}

static uint32_t pop(uint32_t capacity)
{
    uint32_t value = ready[ready_from];

    ready_from = (ready_from + 1) % capacity;
    ready_n--;
    return value;
}

static void mix_begin(uint64_t now_us)
{
    (void)now_us;
    lines = calloc(plan.active, sizeof *lines);
    ready = calloc(plan.active, sizeof *ready);
    for (uint32_t line = 0; line < plan.active; line++) {
        lines[line].session = next_session++;
        push(line, plan.active);
    }
}

static bool mix_next(struct job *job, uint64_t now_us)
{
    if (!ready_n)
        return false;
    job->entry = pop(plan.active);
    struct line *line = &lines[job->entry];
    uint32_t user = plan.base + line->session % plan.users;
    enum kind kind = line->stage == 0 ? START : line->stage <= plan.interims ? INTERIM : STOP;
    if (kind == START)
        line->began_us = now_us;
    job->request = (struct request){.kind = kind, .user = user, .session = line->session};
    job->request.usage = usage_since(user, line->began_us, now_us);
    return true;
}

static void mix_answered(const struct slot *slot, const uint8_t *reply, uint16_t length)
{
    struct line *line = &lines[slot->job.entry];

    (void)reply, (void)length;
    if (++line->stage == plan.interims + 2)
        *line = (struct line){.session = next_session++};
    push(slot->job.entry, plan.active);
}

/* pap, chap: logins of all users, round after round. */

static void login_begin(uint64_t now_us)
{
    (void)now_us;
}

static bool login_next(struct job *job, enum kind kind)
{
    uint32_t user = scattered();

    job->request = (struct request){.kind = kind, .user = user, .session = user};
    return true;
}

static bool pap_next(struct job *job, uint64_t now_us)
{
    (void)now_us;
    return login_next(job, PAP);
}

static bool chap_next(struct job *job, uint64_t now_us)
{
    (void)now_us;
    return login_next(job, CHAP);
}

static void login_answered(const struct slot *slot, const uint8_t *reply, uint16_t length)
{
    (void)slot, (void)reply, (void)length;
}

/* open: each user logs in and, accepted, starts his session, for an event at t0. storm: power returns, that is, first an
   Accounting-On of every NAS, then the same with the present as the sessions' start. */

static uint32_t on_left, starts_done, refused;

static void open_begin(uint64_t now_us)
{
    plan.t0 = now_us / 1000000;
    ready = calloc(plan.users, sizeof *ready);
}

static void storm_begin(uint64_t now_us)
{
    open_begin(now_us);
    on_left = plan.nases;
}

static bool open_next_at_once(struct job *job, uint64_t now_us)
{
    if (!ready_n)
        return false;
    fill_start(job, pop(plan.users), now_us);
    return true;
}

static bool storm_next_at_once(struct job *job, uint64_t now_us)
{
    if (on_left)
        job->request = (struct request){.kind = ACCT_ON, .user = --on_left};
    else if (!open_next_at_once(job, now_us))
        return false;
    job->request.usage = (struct usage){.event = now_us / 1000000};
    return true;
}

static bool open_next(struct job *job, uint64_t now_us)
{
    (void)now_us;
    return position < plan.users && login_next(job, PAP);
}

static void open_answered(const struct slot *slot, const uint8_t *reply, uint16_t length)
{
    uint32_t user = slot->job.request.user;
    uint8_t size;

    if (slot->job.request.kind == START)
        starts_done++;
    if (slot->job.request.kind != PAP)
        return;
    if (reply[0] != ACCESS_ACCEPT) {
        refused++;
        return;
    }
    const uint8_t *value = attribute_find(reply, length, CLASS, &size);
    if (value && size <= CLASS_MAX) {
        classes[user].length = size;
        memcpy(classes[user].value, value, size);
    }
    push(user, plan.users);
}

static bool open_finished(void)
{
    return starts_done + refused >= plan.users;
}

static const struct mode MODES[] = {
    {"start", steady_begin, start_next, NULL, NULL, login_answered, all_users_sent},
    {"interim", steady_begin, interim_next, NULL, NULL, steady_answered, NULL},
    {"cross", cross_begin, cross_next, NULL, cross_sent, steady_answered, NULL},
    {"mix", mix_begin, mix_next, NULL, NULL, mix_answered, NULL},
    {"pap", login_begin, pap_next, NULL, NULL, login_answered, NULL},
    {"chap", login_begin, chap_next, NULL, NULL, login_answered, NULL},
    {"open", open_begin, open_next, open_next_at_once, NULL, open_answered, open_finished},
    {"storm", storm_begin, open_next, storm_next_at_once, NULL, open_answered, open_finished},
};

const struct mode *mode_find(const char *name)
{
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++)
        if (!strcmp(MODES[i].name, name))
            return &MODES[i];
    return NULL;
}
