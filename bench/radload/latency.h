/* A histogram of microseconds: 64 linear steps to each power of two, so that a percentile is within 1.6 %. */
#ifndef RADLOAD_LATENCY_H
#define RADLOAD_LATENCY_H

#include <stdint.h>

#define LATENCY_STEPS 64
#define LATENCY_CELLS (LATENCY_STEPS * 36)

struct latency {
    uint64_t count, max_us;
    uint64_t cells[LATENCY_CELLS];
};

static inline uint32_t latency_cell(uint64_t us)
{
    if (us < LATENCY_STEPS)
        return us;
    int power = 63 - __builtin_clzll(us) - 6; /* us >> power lies in [64, 128) */
    uint32_t cell = LATENCY_STEPS * (power + 1) + (us >> power) - LATENCY_STEPS;
    return cell < LATENCY_CELLS ? cell : LATENCY_CELLS - 1;
}

static inline void latency_add(struct latency *latency, uint64_t us)
{
    latency->cells[latency_cell(us)]++;
    latency->count++;
    if (us > latency->max_us)
        latency->max_us = us;
}

/* The upper edge, in milliseconds, of the cell that holds this share of all; 0 when there is none. */
static inline double latency_at(const struct latency *latency, double share)
{
    uint64_t wanted = latency->count * share, seen = 0;

    for (uint32_t cell = 0; cell < LATENCY_CELLS && latency->count; cell++) {
        seen += latency->cells[cell];
        if (seen > wanted || seen == latency->count) {
            uint32_t power = cell / LATENCY_STEPS ? cell / LATENCY_STEPS - 1 : 0;
            uint64_t low = cell < LATENCY_STEPS ? cell : cell - (uint64_t)LATENCY_STEPS * power;
            return ((low + 1) << power) / 1000.0;
        }
    }
    return 0;
}

#endif
