/* The CoA side of a router: acknowledges every genuine CoA- and Disconnect-Request and notes when it arrived. */
#ifndef RADLOAD_SINK_H
#define RADLOAD_SINK_H

#include <signal.h>
#include <stdint.h>

/* Runs until *stopped. Log lines: "session microseconds code", the kernel's own receipt time; code 0: not genuine. */
void sink_run(const char *host, uint16_t port, const char *log, volatile sig_atomic_t *stopped);

#endif
