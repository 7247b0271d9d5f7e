/*
 * ids.c - segments of one sequence: the lock-free take, the switch to the segment ahead, the refill machine.
 * ids.h has the drawing and the proof.
 */
#include "proxy/control/ids.h"

#include <stdio.h>

static uint64_t least_step(const struct idseq *s)
{
    uint64_t n = s->conf->step ? s->conf->step : 1;
    return n < (uint64_t)1 << 32 ? n : (uint64_t)1 << 32;
}

bool idseq_init(struct idseq *s, const struct conf_sequence *conf, const char *source,
                const struct idseq_hooks *hooks)
{
    memset(s, 0, sizeof *s);
    /* next = end = 0: nothing to take. Real ids begin at 1. */
    atomic_init(&s->next, 0);
    atomic_init(&s->end, 0);
    atomic_init(&s->prefetch_at, UINT64_MAX);
    s->conf = conf;
    s->source = source;
    s->hooks = *hooks;
    s->step = least_step(s);
    return pthread_mutex_init(&s->lock, NULL) == 0;
}

void idseq_release(struct idseq *s)
{
    pthread_mutex_destroy(&s->lock);
}

/* ---- under the mutex ---- */

static void idseq_move(struct idseq *s, enum idseq_refill to)
{
    s->refill = to;
    if (to == IDSEQ_WANTED) s->hooks.wanted(s->hooks.ctx, s->conf->index);
}

static bool has_ahead(const struct idseq *s)
{
    return s->from < s->to;
}

/* Prefetch begins when 15 % of what is left now has been used. */
static void arm_prefetch(struct idseq *s)
{
    uint64_t at = UINT64_MAX;
    if (!has_ahead(s) && s->refill == IDSEQ_IDLE) {
        uint64_t end = atomic_load_explicit(&s->end, memory_order_relaxed);
        uint64_t next = atomic_load_explicit(&s->next, memory_order_relaxed);
        if (next < end) at = next + (end - next) * 3 / 20;
    }
    atomic_store_explicit(&s->prefetch_at, at, memory_order_relaxed);
}

/* `next` first, `end` last, with release: see ids.h. from >= the old end always. */
static void install(struct idseq *s, uint64_t from, uint64_t to)
{
    uint64_t old = atomic_exchange_explicit(&s->next, from, memory_order_acq_rel);
    s->taken += old - s->base;
    s->base = from;
    atomic_store_explicit(&s->end, to, memory_order_release);
}

/* Makes the segment ahead the current one; the rest of the current one is kept when they touch, lost when
 * not. */
static void move_up(struct idseq *s)
{
    uint64_t from = s->from, to = s->to;
    s->from = s->to = 0;
    if (from == atomic_load_explicit(&s->end, memory_order_relaxed))
        atomic_store_explicit(&s->end, to, memory_order_release);
    else
        install(s, from, to);
    arm_prefetch(s);
}

/* Moves next to `at` at least (at <= end); what is skipped does not count as taken. */
static void skip_to(struct idseq *s, uint64_t at)
{
    uint64_t x = atomic_load_explicit(&s->next, memory_order_relaxed);
    while (x < at)
        if (atomic_compare_exchange_weak_explicit(&s->next, &x, at, memory_order_acq_rel,
                                                  memory_order_relaxed)) {
            s->base += at - x;
            return;
        }
}

static enum ids_status failed(struct idseq *s, const char *why, struct arena *a, struct fault *f)
{
    fault_set(f, a, 1105, "HY000", "no id from sequence '" STR_FMT "' (source '%s'): %s",
              STR_ARG(s->conf->name), s->source, why);
    return IDS_FAILED;
}

/* Too little is left: join or begin a refill, or tell why there cannot be one. Called with the mutex held. */
static enum ids_status ask(struct idseq *s, uint64_t n, struct arena *a, struct fault *f)
{
    if (s->closed) return failed(s, "Weir is stopping", a, f);
    if (s->want < n) s->want = n;
    if (s->refill == IDSEQ_IDLE) {
        if (s->retry_at && s->hooks.now_ms(s->hooks.ctx) < s->retry_at) return failed(s, s->error, a, f);
        idseq_move(s, IDSEQ_WANTED);
    }
    s->waits++;
    return IDS_WAIT;
}

/* ---- taking ---- */

static bool take_current(struct idseq *s, uint64_t n, uint64_t *first)
{
    uint64_t end = atomic_load_explicit(&s->end, memory_order_acquire);
    uint64_t x = atomic_load_explicit(&s->next, memory_order_relaxed);
    while (x < end && end - x >= n)
        if (atomic_compare_exchange_weak_explicit(&s->next, &x, x + n, memory_order_acq_rel,
                                                  memory_order_relaxed)) {
            *first = x;
            return true;
        }
    return false;
}

static void prefetch(struct idseq *s)
{
    pthread_mutex_lock(&s->lock);
    atomic_store_explicit(&s->prefetch_at, UINT64_MAX, memory_order_relaxed);
    if (s->refill == IDSEQ_IDLE && !has_ahead(s) && !s->closed && !s->retry_at) idseq_move(s, IDSEQ_WANTED);
    pthread_mutex_unlock(&s->lock);
}

static enum ids_status take_slow(struct idseq *s, uint64_t n, uint64_t *first, struct arena *a,
                                 struct fault *f)
{
    enum ids_status st = IDS_OK;
    pthread_mutex_lock(&s->lock);
    bool got = take_current(s, n, first);
    if (!got && has_ahead(s)) {
        /* Not moved up when it does not help: a large range was asked for and both segments stay for the
         * others. */
        bool touches = s->from == atomic_load_explicit(&s->end, memory_order_relaxed);
        if (touches || s->to - s->from >= n) {
            move_up(s);
            got = take_current(s, n, first);
        }
    }
    if (!got) {
        if (n > IDS_MAX_TAKE)
            st = failed(s, "too many ids for one statement", a, f);
        else if (s->exhausted)
            st = failed(s, "the sequence is exhausted", a, f);
        else
            st = ask(s, n, a, f);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

enum ids_status idseq_take(struct idseq *s, uint64_t n, uint64_t *first, struct arena *a, struct fault *f)
{
    if (n == 0) n = 1;
    if (UNLIKELY(!take_current(s, n, first))) {
        enum ids_status st = take_slow(s, n, first, a, f);
        if (st != IDS_OK) return st;
    }
    if (UNLIKELY(*first + n >= atomic_load_explicit(&s->prefetch_at, memory_order_relaxed))) prefetch(s);
    return IDS_OK;
}

enum ids_status idseq_raise(struct idseq *s, uint64_t value, struct arena *a, struct fault *f)
{
    uint64_t next = atomic_load_explicit(&s->next, memory_order_acquire);
    if (LIKELY(value < next && next != UINT64_MAX)) return IDS_OK; /* UINT64_MAX: closed */
    enum ids_status st = IDS_OK;
    pthread_mutex_lock(&s->lock);
    uint64_t end = atomic_load_explicit(&s->end, memory_order_relaxed);
    if (s->closed) {
        st = failed(s, "Weir is stopping", a, f);
    } else if (s->exhausted && value <= s->floor) {
        /* The row holds it already. */
    } else if (value < end) {
        skip_to(s, value + 1);
    } else if (has_ahead(s) && value < s->to) {
        if (s->from <= value) s->from = value + 1;
        if (s->from == s->to) { /* nothing of it is left: an empty current segment that ends there */
            install(s, s->to, s->to);
            s->from = s->to = 0;
            arm_prefetch(s);
        } else {
            move_up(s);
            skip_to(s, value + 1);
        }
    } else {
        if (s->floor < value) s->floor = value;
        st = ask(s, 1, a, f);
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

/* ---- refilling ---- */

static void adapt_step(struct idseq *s, uint64_t now)
{
    uint64_t least = least_step(s);
    uint64_t most = least > IDS_MAX_STEP ? least : IDS_MAX_STEP;
    if (s->refills > 2) { /* the first two come one upon the other: they say nothing of the demand */
        uint64_t lasted = now - s->fetched_ms;
        if (lasted < IDS_FAST_MS) s->step = s->step * 2 < most ? s->step * 2 : most;
        if (lasted > IDS_SLOW_MS) s->step = s->step / 2 > least ? s->step / 2 : least;
    }
    s->fetched_ms = now;
}

static void fetched(struct idseq *s, uint64_t from, uint64_t to)
{
    bool raised = s->floor > s->high; /* an explicit value lies above everything we hold */
    s->high = to - 1;
    if (raised) {
        s->from = s->to = 0;
        install(s, from, to);
    } else if (atomic_load_explicit(&s->next, memory_order_relaxed) >=
                   atomic_load_explicit(&s->end, memory_order_relaxed) &&
               !has_ahead(s)) {
        install(s, from, to);
    } else {
        if (has_ahead(s) && s->to == from) {
            from = s->from;
        } else if (has_ahead(s)) {
            move_up(s);
        }
        s->from = from;
        s->to = to;
    }
}

static void refill_failed(struct idseq *s, uint64_t now)
{
    s->failures++;
    s->backoff = s->backoff ? s->backoff * 2 : IDS_BACKOFF_MS;
    if (s->backoff > IDS_BACKOFF_MAX_MS) s->backoff = IDS_BACKOFF_MAX_MS;
    s->retry_at = now + s->backoff;
}

bool idseq_refill(struct idseq *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->refill != IDSEQ_WANTED || s->closed) {
        pthread_mutex_unlock(&s->lock);
        return false;
    }
    idseq_move(s, IDSEQ_RUNNING);
    uint64_t n = s->want > s->step ? s->want : s->step;
    uint64_t floor = s->floor > s->high ? s->floor : s->high;
    s->want = 0;
    if (floor > IDS_LIMIT - n) n = 0; /* an explicit value so high that nothing is left above it */
    pthread_mutex_unlock(&s->lock);

    uint64_t last = 0;
    char error[IDS_ERROR] = "";
    bool ok = s->hooks.fetch(s->hooks.ctx, s->conf->index, floor, n, &last, error);
    if (ok && n && (last < n || last - n < floor || last > IDS_LIMIT)) {
        ok = false;
        snprintf(error, sizeof error, "the sequence is exhausted or its row was changed (max_id %llu)",
                 (unsigned long long)last);
    }

    uint64_t now = s->hooks.now_ms(s->hooks.ctx);
    pthread_mutex_lock(&s->lock);
    idseq_move(s, IDSEQ_IDLE);
    if (!ok) {
        memcpy(s->error, error, sizeof s->error);
        s->error[sizeof s->error - 1] = 0;
        refill_failed(s, now);
    } else {
        s->refills++;
        s->retry_at = s->backoff = 0;
        if (s->closed) {
            /* Fetched too late: these ids are lost. */
        } else if (n) {
            /* The floor that this fetch honoured; one raised meanwhile asks again by itself. */
            uint64_t newer = s->floor;
            if (s->floor > floor) s->floor = floor;
            adapt_step(s, now);
            fetched(s, last - n + 1, last + 1);
            s->floor = newer;
        } else {
            s->exhausted = true;
            s->from = s->to = 0;
            skip_to(s, atomic_load_explicit(&s->end, memory_order_relaxed));
        }
    }
    arm_prefetch(s);
    if (s->retry_at)
        atomic_store_explicit(&s->prefetch_at, UINT64_MAX, memory_order_relaxed); /* idseq_tick tries again */
    pthread_mutex_unlock(&s->lock);
    return true;
}

bool idseq_tick(struct idseq *s)
{
    pthread_mutex_lock(&s->lock);
    bool pending = s->retry_at && !s->closed && !has_ahead(s);
    if (pending && s->refill == IDSEQ_IDLE && s->hooks.now_ms(s->hooks.ctx) >= s->retry_at)
        idseq_move(s, IDSEQ_WANTED);
    pthread_mutex_unlock(&s->lock);
    return pending;
}

/* ---- the end, and figures ---- */

bool idseq_close(struct idseq *s, uint64_t *keep, uint64_t *last)
{
    pthread_mutex_lock(&s->lock);
    bool again = s->closed;
    s->closed = true;
    uint64_t end = atomic_load_explicit(&s->end, memory_order_relaxed);
    /* One exchange ends all takes and tells where they stopped: no later compare-and-swap can succeed. */
    uint64_t next = again ? end : atomic_exchange_explicit(&s->next, UINT64_MAX, memory_order_acq_rel);
    if (!again) {
        s->taken += next - s->base;
        s->base = UINT64_MAX;
    }
    bool some = false;
    if (!again && s->refill != IDSEQ_RUNNING) {
        if (has_ahead(s) && s->from != end) {
            some = true;
            *keep = s->from - 1;
            *last = s->to - 1;
        } else if (next < end || has_ahead(s)) {
            some = true;
            *keep = next - 1;
            *last = (has_ahead(s) ? s->to : end) - 1;
        }
    }
    s->from = s->to = 0;
    pthread_mutex_unlock(&s->lock);
    return some;
}

void idseq_stats(struct idseq *s, struct ids_stats *out)
{
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&s->lock);
    uint64_t next = atomic_load_explicit(&s->next, memory_order_relaxed);
    out->next = s->closed ? 0 : next;
    out->segment_end = atomic_load_explicit(&s->end, memory_order_relaxed);
    out->taken = s->taken + (next - s->base);
    out->refills = s->refills;
    out->waits = s->waits;
    out->failures = s->failures;
    out->step = s->step;
    memcpy(out->error, s->error, sizeof out->error);
    pthread_mutex_unlock(&s->lock);
}
