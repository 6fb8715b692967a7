/* MD5 (RFC 1321) and HMAC-MD5 (RFC 2104), which RADIUS is made of. Own code, so that the generator needs no library. */
#ifndef RADLOAD_MD5_H
#define RADLOAD_MD5_H

#include <stddef.h>
#include <stdint.h>

struct md5 {
    uint32_t state[4];
    uint64_t bytes;
    uint8_t block[64];
};

void md5_start(struct md5 *md5);
void md5_add(struct md5 *md5, const void *data, size_t length);
void md5_end(struct md5 *md5, uint8_t digest[16]);

/* A key with both of its pads hashed already: half of the work of a short message. */
struct hmac_key {
    struct md5 inner, outer;
};

void hmac_prepare(struct hmac_key *key, const void *secret, size_t length);
void hmac_md5(const struct hmac_key *key, const void *data, size_t length, uint8_t digest[16]);

#endif
