/*
 * throttle.c - who guesses passwords waits.
 *
 * Failed logins in a row are counted for each source address (an IPv6 client has a whole /64 to choose from, so that is what counts) in one
 * table for the process. From `limit` on, each further answer to that address is held back by the caller, good or bad: so the wait tells
 * nothing. A good login clears the count; a minute without a failure halves it.
 *
 * The table is small and fixed: an address has WAYS places, by its hash, and a new one takes the place that matters least. Logins held back are
 * bounded, for each address and for all, so that a crowd of guessers costs us no more than that. A mutex: logins are rare beside statements.
 */
#include "proxy/session/login.h"

#include <pthread.h>

enum { PLACES = 4096, WAYS = 8, HOST_WAITS = 32, ALL_WAIT = 1024, HALF_LIFE_MS = 60000 };

static struct host {
    uint8_t key[16];
    bool used;
    uint64_t fails, last_ms;
    uint32_t waiting;
} hosts[PLACES];
static uint32_t all_waiting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void key_of(const uint8_t *address, uint8_t key[16])
{
    static const uint8_t v4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memset(key, 0, 16); /* a Unix socket: all zero, which no client's address is */
    if (!address) return;
    memcpy(key, address, 16);
    if (memcmp(address, v4, sizeof v4) != 0) memset(key + 8, 0, 8);
}

static void decay(struct host *h, uint64_t now)
{
    uint64_t halves = now > h->last_ms ? (now - h->last_ms) / HALF_LIFE_MS : 0;
    if (!halves) return;
    h->fails = halves > 63 ? 0 : h->fails >> halves;
    h->last_ms += halves * HALF_LIFE_MS;
}

/* The address' place; for `make` one is taken over when it has none. NULL: none, or all of its places are waited at. */
static struct host *place_of(const uint8_t key[16], uint64_t now, bool make)
{
    struct host *row = &hosts[hash_bytes(key, 16, 91) % (PLACES / WAYS) * WAYS], *least = NULL;
    for (int i = 0; i < WAYS; i++) {
        struct host *h = &row[i];
        if (h->used) decay(h, now);
        if (h->used && memcmp(h->key, key, 16) == 0) return h;
        if (h->used && h->waiting) continue;
        bool better = !least || (least->used && (!h->used || h->fails < least->fails || (h->fails == least->fails && h->last_ms < least->last_ms)));
        if (better) least = h;
    }
    if (!make || !least) return NULL;
    *least = (struct host){.used = true, .last_ms = now};
    memcpy(least->key, key, 16);
    return least;
}

enum throttle throttle_judge(const uint8_t *address, bool good, uint64_t now_ms, uint64_t limit, uint32_t *ticket)
{
    uint8_t key[16];
    enum throttle verdict = THROTTLE_GO;
    if (!limit) return THROTTLE_GO;
    key_of(address, key);
    pthread_mutex_lock(&lock);
    struct host *h = place_of(key, now_ms, !good);
    if (h) {
        bool slow = h->fails >= limit;
        if (good) h->fails = 0;
        else if (h->fails < 2 * limit) h->fails++; /* bounded: it must not take hours to fade */
        if (!good && h->last_ms < now_ms) h->last_ms = now_ms;
        if (slow && (h->waiting >= HOST_WAITS || all_waiting >= ALL_WAIT)) {
            verdict = THROTTLE_FULL;
        } else if (slow) {
            verdict = THROTTLE_HOLD;
            h->waiting++;
            all_waiting++;
            *ticket = (uint32_t)(h - hosts);
        }
    }
    pthread_mutex_unlock(&lock);
    return verdict;
}

bool throttle_is_slow(const uint8_t *address, uint64_t now_ms, uint64_t limit)
{
    uint8_t key[16];
    if (!limit) return false;
    key_of(address, key);
    pthread_mutex_lock(&lock);
    const struct host *h = place_of(key, now_ms, false);
    bool slow = h && h->fails >= limit;
    pthread_mutex_unlock(&lock);
    return slow;
}

void throttle_leave(uint32_t ticket)
{
    pthread_mutex_lock(&lock);
    hosts[ticket].waiting--; /* a place that is waited at is never given to another address */
    all_waiting--;
    pthread_mutex_unlock(&lock);
}

void throttle_clear(void)
{
    pthread_mutex_lock(&lock);
    memset(hosts, 0, sizeof hosts);
    all_waiting = 0;
    pthread_mutex_unlock(&lock);
}
