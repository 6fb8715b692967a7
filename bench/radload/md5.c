#include "md5.h"

#include <string.h>

/* floor(2^32 * |sin(i + 1)|), RFC 1321 section 3.4 */
static const uint32_t SINES[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

#define ROTATE(x, n) (((x) << (n)) | ((x) >> (32 - (n))))
#define F(b, c, d) ((d) ^ ((b) & ((c) ^ (d))))
#define G(b, c, d) ((c) ^ ((d) & ((b) ^ (c))))
#define H(b, c, d) ((b) ^ (c) ^ (d))
#define I(b, c, d) ((c) ^ ((b) | ~(d)))
#define STEP(f, a, b, c, d, k, s, i) ((a) = (b) + ROTATE((a) + f(b, c, d) + m[k] + SINES[i], s))
#define FOUR(f, k0, k1, k2, k3, s0, s1, s2, s3, i)                                                                    \
    STEP(f, a, b, c, d, k0, s0, i);                                                                                   \
    STEP(f, d, a, b, c, k1, s1, (i) + 1);                                                                             \
    STEP(f, c, d, a, b, k2, s2, (i) + 2);                                                                             \
    STEP(f, b, c, d, a, k3, s3, (i) + 3)

static void transform(uint32_t state[4], const uint8_t block[64])
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], m[16];

    memcpy(m, block, 64); /* little-endian machines only, as is checked at start-up */
    FOUR(F, 0, 1, 2, 3, 7, 12, 17, 22, 0);
    FOUR(F, 4, 5, 6, 7, 7, 12, 17, 22, 4);
    FOUR(F, 8, 9, 10, 11, 7, 12, 17, 22, 8);
    FOUR(F, 12, 13, 14, 15, 7, 12, 17, 22, 12);
    FOUR(G, 1, 6, 11, 0, 5, 9, 14, 20, 16);
    FOUR(G, 5, 10, 15, 4, 5, 9, 14, 20, 20);
    FOUR(G, 9, 14, 3, 8, 5, 9, 14, 20, 24);
    FOUR(G, 13, 2, 7, 12, 5, 9, 14, 20, 28);
    FOUR(H, 5, 8, 11, 14, 4, 11, 16, 23, 32);
    FOUR(H, 1, 4, 7, 10, 4, 11, 16, 23, 36);
    FOUR(H, 13, 0, 3, 6, 4, 11, 16, 23, 40);
    FOUR(H, 9, 12, 15, 2, 4, 11, 16, 23, 44);
    FOUR(I, 0, 7, 14, 5, 6, 10, 15, 21, 48);
    FOUR(I, 12, 3, 10, 1, 6, 10, 15, 21, 52);
    FOUR(I, 8, 15, 6, 13, 6, 10, 15, 21, 56);
    FOUR(I, 4, 11, 2, 9, 6, 10, 15, 21, 60);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void md5_start(struct md5 *md5)
{
    md5->state[0] = 0x67452301;
    md5->state[1] = 0xefcdab89;
    md5->state[2] = 0x98badcfe;
    md5->state[3] = 0x10325476;
    md5->bytes = 0;
}

void md5_add(struct md5 *md5, const void *data, size_t length)
{
    const uint8_t *from = data;
    size_t used = md5->bytes % 64;

    md5->bytes += length;
    if (used) {
        size_t take = length < 64 - used ? length : 64 - used;
        memcpy(md5->block + used, from, take);
        from += take;
        length -= take;
        if (used + take < 64)
            return;
        transform(md5->state, md5->block);
    }
    for (; length >= 64; from += 64, length -= 64)
        transform(md5->state, from);
    memcpy(md5->block, from, length);
}

void md5_end(struct md5 *md5, uint8_t digest[16])
{
    uint64_t bits = md5->bytes * 8;
    size_t used = md5->bytes % 64;

    md5->block[used++] = 0x80;
    if (used > 56) {
        memset(md5->block + used, 0, 64 - used);
        transform(md5->state, md5->block);
        used = 0;
    }
    memset(md5->block + used, 0, 56 - used);
    memcpy(md5->block + 56, &bits, 8);
    transform(md5->state, md5->block);
    memcpy(digest, md5->state, 16);
}

void hmac_prepare(struct hmac_key *key, const void *secret, size_t length)
{
    uint8_t inner[64], outer[64];

    memset(inner, 0x36, 64);
    memset(outer, 0x5c, 64);
    for (size_t i = 0; i < length && i < 64; i++) {
        inner[i] ^= ((const uint8_t *)secret)[i];
        outer[i] ^= ((const uint8_t *)secret)[i];
    }
    md5_start(&key->inner);
    md5_add(&key->inner, inner, 64);
    md5_start(&key->outer);
    md5_add(&key->outer, outer, 64);
}

void hmac_md5(const struct hmac_key *key, const void *data, size_t length, uint8_t digest[16])
{
    struct md5 inner = key->inner, outer = key->outer;

    md5_add(&inner, data, length);
    md5_end(&inner, digest);
    md5_add(&outer, digest, 16);
    md5_end(&outer, digest);
}
