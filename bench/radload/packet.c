#include "packet.h"

#include <stdio.h>
#include <string.h>

#define HEADER 20
#define AUTHENTICATOR 4
#define SESSION_DIGITS 8

/* A ready-made packet of one kind, NAS and realm. The offsets say where a session's own figures go; 0 is "not in it". */
struct shape {
    uint8_t bytes[PACKET_MAX];
    uint16_t length;
    uint16_t user, password, nas_port, framed_ip, calling, session, delay, event, seconds;
    uint16_t input, output, input_giga, output_giga, input_packets, output_packets, authenticator;
};

/* User names of eight lengths, so that the server under test meets more than one packet shape. */
static const char *const REALM[REALMS] = {
    "example.net", "a.example.net", "fibre.example.net", "wireless.example.net",
    "example.org", "be.example.org", "lte.example.org",  "estate.example.org",
};

static struct config config;
static size_t secret_length;
static struct hmac_key hmac;
static struct shape shapes[KINDS][NASES_MAX][REALMS];

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = value >> 24;
    at[1] = value >> 16;
    at[2] = value >> 8;
    at[3] = value;
}

static void put_decimal(uint8_t *at, uint32_t value, int digits)
{
    while (digits--) {
        at[digits] = '0' + value % 10;
        value /= 10;
    }
}

static void put_hex(uint8_t *at, uint32_t value, int digits)
{
    for (; digits--; value >>= 4)
        at[digits] = "0123456789ABCDEF"[value & 15];
}

/* Adds an attribute and returns the offset of its value. */
static uint16_t add(struct shape *shape, uint8_t type, const void *value, uint8_t length)
{
    uint8_t *at = shape->bytes + shape->length;

    at[0] = type;
    at[1] = length + 2;
    memcpy(at + 2, value, length);
    shape->length += length + 2;
    return shape->length - length;
}

static uint16_t add32(struct shape *shape, uint8_t type, uint32_t value)
{
    uint8_t bytes[4];

    put32(bytes, value);
    return add(shape, type, bytes, 4);
}

static uint16_t add_text(struct shape *shape, uint8_t type, const char *text)
{
    return add(shape, type, text, strlen(text));
}

static void add_nas(struct shape *shape, uint32_t nas)
{
    char text[32];

    snprintf(text, sizeof text, "bench-nas-%02u", nas);
    add_text(shape, NAS_IDENTIFIER, text);
    add32(shape, NAS_IP_ADDRESS, 0xc6336400 + nas); /* 198.51.100.x, a documentation range */
}

static void add_line(struct shape *shape, uint32_t realm)
{
    char text[64];

    snprintf(text, sizeof text, "user000000@%s", REALM[realm]);
    shape->user = add_text(shape, USER_NAME, text) + 4;
    shape->nas_port = add32(shape, NAS_PORT, 0);
    add32(shape, NAS_PORT_TYPE, 15); /* Ethernet */
    add_text(shape, NAS_PORT_ID, "vlan-101");
    add32(shape, SERVICE_TYPE, 2); /* Framed */
    add32(shape, FRAMED_PROTOCOL, 1); /* PPP */
    shape->calling = add_text(shape, CALLING_STATION_ID, "02:00:00:00:00:00");
    add_text(shape, CALLED_STATION_ID, "pppoe-bench");
}

static void add_accounting(struct shape *shape, enum kind kind)
{
    static const uint32_t STATUS[] = {[START] = 1, [INTERIM] = 3, [STOP] = 2, [ACCT_ON] = 7};

    add32(shape, ACCT_STATUS_TYPE, STATUS[kind]);
    shape->event = add32(shape, EVENT_TIMESTAMP, 0);
    shape->delay = add32(shape, ACCT_DELAY_TIME, 0);
    if (kind == ACCT_ON)
        return;
    shape->session = add_text(shape, ACCT_SESSION_ID, "00000000");
    add32(shape, ACCT_AUTHENTIC, 1); /* RADIUS */
    shape->framed_ip = add32(shape, FRAMED_IP_ADDRESS, 0);
    if (kind == START)
        return;
    shape->seconds = add32(shape, ACCT_SESSION_TIME, 0);
    shape->input = add32(shape, ACCT_INPUT_OCTETS, 0);
    shape->input_giga = add32(shape, ACCT_INPUT_GIGAWORDS, 0);
    shape->input_packets = add32(shape, ACCT_INPUT_PACKETS, 0);
    shape->output = add32(shape, ACCT_OUTPUT_OCTETS, 0);
    shape->output_giga = add32(shape, ACCT_OUTPUT_GIGAWORDS, 0);
    shape->output_packets = add32(shape, ACCT_OUTPUT_PACKETS, 0);
    if (kind == STOP)
        add32(shape, ACCT_TERMINATE_CAUSE, 1); /* User-Request */
}

static void shape_make(struct shape *shape, enum kind kind, uint32_t nas, uint32_t realm)
{
    bool access = kind == PAP || kind == CHAP;
    uint8_t zeros[17] = {0};

    memset(shape, 0, sizeof *shape);
    shape->length = HEADER;
    shape->bytes[0] = access ? ACCESS_REQUEST : ACCT_REQUEST;
    if (access && config.message_authenticator)
        shape->authenticator = add(shape, MESSAGE_AUTHENTICATOR, zeros, 16);
    if (kind != ACCT_ON)
        add_line(shape, realm);
    if (access)
        shape->password = add(shape, kind == PAP ? USER_PASSWORD : CHAP_PASSWORD, zeros, kind == PAP ? 16 : 17);
    else
        add_accounting(shape, kind);
    add_nas(shape, nas);
}

void packets_prepare(const struct config *with)
{
    config = *with;
    secret_length = strlen(config.secret);
    hmac_prepare(&hmac, config.secret, secret_length);
    for (int kind = 0; kind < KINDS; kind++)
        for (uint32_t nas = 0; nas < config.nases; nas++)
            for (uint32_t realm = 0; realm < REALMS; realm++)
                shape_make(&shapes[kind][nas][realm], kind, nas, realm);
}

uint32_t nas_of(uint32_t user)
{
    return user % config.nases;
}

static const struct shape *shape_of(enum kind kind, uint32_t user)
{
    return &shapes[kind][nas_of(user)][user / config.nases % REALMS];
}

static void put_usage(const struct shape *shape, uint8_t *packet, const struct usage *usage)
{
    put32(packet + shape->seconds, usage->seconds);
    put32(packet + shape->input, usage->input);
    put32(packet + shape->input_giga, usage->input >> 32);
    put32(packet + shape->input_packets, usage->input / 400);
    put32(packet + shape->output, usage->output);
    put32(packet + shape->output_giga, usage->output >> 32);
    put32(packet + shape->output_packets, usage->output / 1200);
}

static void put_line(const struct shape *shape, uint8_t *packet, uint32_t user, uint32_t session)
{
    uint8_t *calling = packet + shape->calling;

    put_decimal(packet + shape->user, user, 6);
    put32(packet + shape->nas_port, session);
    put_hex(calling + 9, user >> 16 & 255, 2);
    put_hex(calling + 12, user >> 8 & 255, 2);
    put_hex(calling + 15, user & 255, 2);
    if (!shape->session)
        return;
    put_hex(packet + shape->session, (uint32_t)config.tag << 24 | session, SESSION_DIGITS);
    put32(packet + shape->framed_ip, 0x64400000 + user); /* 100.64.0.0/10 */
}

static uint16_t add_class(const struct request *request, uint8_t *packet, uint16_t length)
{
    uint8_t size = request->class_length;

    if (!size)
        return length;
    packet[length] = CLASS;
    packet[length + 1] = size + 2;
    memcpy(packet + length + 2, request->class_value, size);
    return length + 2 + size;
}

uint16_t packet_build(const struct request *request, uint8_t *packet)
{
    const struct shape *shape = shape_of(request->kind, request->user);
    uint16_t length = shape->length;

    memcpy(packet, shape->bytes, length);
    if (request->kind != ACCT_ON)
        put_line(shape, packet, request->user, request->session);
    if (shape->event) {
        put32(packet + shape->event, request->usage.event);
        put32(packet + shape->delay, request->usage.delay);
    }
    if (shape->seconds)
        put_usage(shape, packet, &request->usage);
    if (shape->session)
        length = add_class(request, packet, length);
    packet[2] = length >> 8;
    packet[3] = length;
    return length;
}

static void random_authenticator(uint8_t *at)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    for (int half = 0; half < 2; half++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(at + 8 * half, &state, 8);
    }
}

static void md5_of(uint8_t digest[16], const void *a, size_t a_length, const void *b, size_t b_length)
{
    struct md5 md5;

    md5_start(&md5);
    md5_add(&md5, a, a_length);
    md5_add(&md5, b, b_length);
    md5_end(&md5, digest);
}

static void sign_access(enum kind kind, uint32_t user, uint8_t id, uint8_t *packet, uint16_t length)
{
    const struct shape *shape = shape_of(kind, user);
    uint8_t *authenticator = packet + AUTHENTICATOR, *password = packet + shape->password;
    uint8_t clear[17] = "\0pass000000\0\0\0\0\0", mask[16];

    random_authenticator(authenticator);
    put_decimal(clear + 5, user, 6);
    if (kind == PAP) { /* RFC 2865 section 5.2; passwords are at most 16 bytes here */
        md5_of(mask, config.secret, secret_length, authenticator, 16);
        for (int i = 0; i < 16; i++)
            password[i] = clear[i + 1] ^ mask[i];
    } else { /* RFC 2865 section 5.3; the authenticator is the challenge */
        password[0] = clear[0] = id;
        uint8_t joined[11];
        memcpy(joined, clear, 11);
        md5_of(password + 1, joined, 11, authenticator, 16);
    }
    if (shape->authenticator) {
        memset(packet + shape->authenticator, 0, 16);
        hmac_md5(&hmac, packet, length, packet + shape->authenticator);
    }
}

void packet_sign(enum kind kind, uint32_t user, uint8_t id, uint8_t *packet, uint16_t length)
{
    packet[1] = id;
    if (kind == PAP || kind == CHAP) {
        sign_access(kind, user, id, packet, length);
        return;
    }
    memset(packet + AUTHENTICATOR, 0, 16);
    md5_of(packet + AUTHENTICATOR, packet, length, config.secret, secret_length);
}

const uint8_t *attribute_find(const uint8_t *packet, uint16_t length, uint8_t type, uint8_t *value_length)
{
    for (uint16_t at = HEADER; at + 2 <= length; at += packet[at + 1]) {
        if (packet[at + 1] < 2 || at + packet[at + 1] > length)
            return NULL;
        if (packet[at] == type) {
            *value_length = packet[at + 1] - 2;
            return packet + at + 2;
        }
    }
    return NULL;
}

static bool signed_like_a_reply(const uint8_t *packet, uint16_t length, const uint8_t *request_authenticator)
{
    struct md5 md5;
    uint8_t digest[16];

    md5_start(&md5);
    md5_add(&md5, packet, 4);
    md5_add(&md5, request_authenticator, 16);
    md5_add(&md5, packet + HEADER, length - HEADER);
    md5_add(&md5, config.secret, secret_length);
    md5_end(&md5, digest);
    return !memcmp(digest, packet + AUTHENTICATOR, 16);
}

bool reply_is_genuine(const uint8_t *reply, uint16_t length, const uint8_t *request)
{
    uint8_t copy[4096], digest[16], size;
    const uint8_t *authenticator;

    if (length < HEADER || (reply[2] << 8 | reply[3]) != length || length > sizeof copy)
        return false;
    if (!signed_like_a_reply(reply, length, request + AUTHENTICATOR))
        return false;
    authenticator = attribute_find(reply, length, MESSAGE_AUTHENTICATOR, &size);
    if (!authenticator)
        return true;
    if (size != 16)
        return false;
    memcpy(copy, reply, length);
    memcpy(copy + AUTHENTICATOR, request + AUTHENTICATOR, 16);
    memset(copy + (authenticator - reply), 0, 16);
    hmac_md5(&hmac, copy, length, digest);
    return !memcmp(digest, authenticator, 16);
}

uint16_t coa_acknowledge(uint8_t *packet, uint16_t length)
{
    static const uint8_t ZEROS[16] = {0};

    if (length < HEADER || (packet[2] << 8 | packet[3]) != length || !signed_like_a_reply(packet, length, ZEROS))
        return 0;
    packet[0] += 1; /* Disconnect-Request 40 to its ACK 41, CoA-Request 43 to 44 (RFC 5176 section 2.3) */
    packet[2] = 0;
    packet[3] = HEADER;
    md5_of(packet + AUTHENTICATOR, packet, HEADER, config.secret, secret_length);
    return HEADER;
}
