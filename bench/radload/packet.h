/* RADIUS packets as a PPPoE concentrator sends them (RFC 2865, 2866, 2869), and the checks of what comes back. */
#ifndef RADLOAD_PACKET_H
#define RADLOAD_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "md5.h"

#define PACKET_MAX 480
#define CLASS_MAX 64
#define NASES_MAX 64
#define USERS_MAX (1 << 20) /* their names have six digits, their addresses 22 bits */
#define REALMS 8

enum kind { START, INTERIM, STOP, ACCT_ON, PAP, CHAP, KINDS };
enum code { ACCESS_REQUEST = 1, ACCESS_ACCEPT = 2, ACCESS_REJECT = 3, ACCT_REQUEST = 4, ACCT_RESPONSE = 5 };
enum code_coa { DISCONNECT_REQUEST = 40, COA_REQUEST = 43 };
enum attribute {
    USER_NAME = 1, USER_PASSWORD = 2, CHAP_PASSWORD = 3, NAS_IP_ADDRESS = 4, NAS_PORT = 5, SERVICE_TYPE = 6,
    FRAMED_PROTOCOL = 7, FRAMED_IP_ADDRESS = 8, CLASS = 25, CALLED_STATION_ID = 30, CALLING_STATION_ID = 31,
    NAS_IDENTIFIER = 32, ACCT_STATUS_TYPE = 40, ACCT_DELAY_TIME = 41, ACCT_INPUT_OCTETS = 42, ACCT_OUTPUT_OCTETS = 43,
    ACCT_SESSION_ID = 44, ACCT_AUTHENTIC = 45, ACCT_SESSION_TIME = 46, ACCT_INPUT_PACKETS = 47,
    ACCT_OUTPUT_PACKETS = 48, ACCT_TERMINATE_CAUSE = 49, ACCT_INPUT_GIGAWORDS = 52, ACCT_OUTPUT_GIGAWORDS = 53,
    EVENT_TIMESTAMP = 55, NAS_PORT_TYPE = 61, MESSAGE_AUTHENTICATOR = 80, NAS_PORT_ID = 87,
};

struct config {
    const char *secret;
    uint32_t nases;            /* sessions are spread over them by their number */
    uint8_t tag;               /* first byte of every Acct-Session-Id */
    bool message_authenticator; /* in Access-Requests */
};

/* What a router would report. Bytes are as RADIUS has them: input is what the customer sent. */
struct usage {
    uint32_t event, delay, seconds;
    uint64_t input, output;
};

struct request {
    enum kind kind;
    uint32_t user, session;
    struct usage usage;
    const uint8_t *class_value; /* what the Accept handed out, to be echoed in accounting */
    uint8_t class_length;       /* 0: none */
};

void packets_prepare(const struct config *config);

/* Writes the packet, all but its identifier's consequences: see packet_sign. Returns its length. */
uint16_t packet_build(const struct request *request, uint8_t *packet);

/* Puts in the identifier, hides the password and signs. The packet is ready to be sent (and resent) after it. */
void packet_sign(enum kind kind, uint32_t user, uint8_t id, uint8_t *packet, uint16_t length);

/* Is this answer to `request` whole, and signed with our secret? Its Message-Authenticator, if any, is checked as well. */
bool reply_is_genuine(const uint8_t *reply, uint16_t length, const uint8_t *request);

/* The value of the first such attribute, or NULL. */
const uint8_t *attribute_find(const uint8_t *packet, uint16_t length, uint8_t type, uint8_t *value_length);

/* Turns a CoA- or Disconnect-Request into its ACK in place; returns the ACK's length, 0 if the request was not genuine. */
uint16_t coa_acknowledge(uint8_t *packet, uint16_t length);

uint32_t nas_of(uint32_t user);

#endif
