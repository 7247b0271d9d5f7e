/*
 * test_ids.c - the id allocator over a row that is a variable: segments, prefetch, ranges, raising, failures,
 * closing; and many threads against several proxies with random failures: no id twice, every range in one
 * piece.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "proxy/control/ids.h"

/* The row in "MySQL". */
struct row {
    pthread_mutex_t lock;
    uint64_t max_id;
    bool broken;
    unsigned fail_every; /* every n-th fetch fails */
    uint64_t fetches;
};
struct proxy {
    struct idseq seq;
    struct conf_sequence conf;
    struct row *row;
    uint64_t now;
    uint32_t wanted;
    uint64_t fetches;
    /* with threads */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool threads, stop, pending;
};

static void wanted(void *ctx, uint32_t sequence)
{
    struct proxy *p = ctx;
    assert_int_equal(sequence, 0);
    p->wanted++;
    if (!p->threads) return;
    pthread_mutex_lock(&p->lock);
    p->pending = true;
    pthread_cond_signal(&p->cond);
    pthread_mutex_unlock(&p->lock);
}

static bool fetch(void *ctx, uint32_t sequence, uint64_t floor, uint64_t n, uint64_t *last,
                  char error[IDS_ERROR])
{
    struct proxy *p = ctx;
    struct row *r = p->row;
    (void)sequence;
    pthread_mutex_lock(&r->lock);
    r->fetches++;
    p->fetches++;
    /* Which proxy meets the n-th fetch is chance; the second of each fails too, so that every one has seen a failure. */
    bool fails = r->broken || (r->fail_every && (r->fetches % r->fail_every == 0 || (p->threads && p->fetches == 2)));
    if (fails) {
        snprintf(error, IDS_ERROR, "server has gone away");
        /* Half of the failures come after the row was changed: the segment is lost, no more. */
        if (r->fetches & 1) r->max_id += n;
    } else {
        if (r->max_id < floor) r->max_id = floor;
        r->max_id += n;
        *last = r->max_id;
    }
    pthread_mutex_unlock(&r->lock);
    return !fails;
}

static uint64_t now_ms(void *ctx)
{
    struct proxy *p = ctx;
    return __atomic_load_n(&p->now, __ATOMIC_RELAXED);
}

static struct proxy *proxy_new(struct row *row, uint64_t step)
{
    struct proxy *p = calloc(1, sizeof *p);
    p->row = row;
    p->now = 1000;
    p->conf = (struct conf_sequence){.name = STR("orders_id"), .step = step};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->cond, NULL);
    struct idseq_hooks hooks = {.ctx = p, .wanted = wanted, .fetch = fetch, .now_ms = now_ms};
    assert_true(idseq_init(&p->seq, &p->conf, "s0", &hooks));
    return p;
}

static void proxy_free(struct proxy *p)
{
    idseq_release(&p->seq);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->cond);
    free(p);
}

#define ROW                                                                                                  \
    {                                                                                                        \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                                    \
    }
static struct arena arena;
static struct fault fault;

static enum ids_status take(struct proxy *p, uint64_t n, uint64_t *first)
{
    return idseq_take(&p->seq, n, first, &arena, &fault);
}

/* Takes; refills as the thread would when told to wait. */
static uint64_t get(struct proxy *p, uint64_t n)
{
    uint64_t first = 0;
    for (int i = 0; i < 5; i++) {
        enum ids_status st = take(p, n, &first);
        if (st == IDS_OK) return first;
        if (st == IDS_FAILED) fail_msg(STR_FMT, STR_ARG(fault.message));
        assert_true(idseq_refill(&p->seq));
    }
    fail_msg("no id after five refills");
    return 0;
}

static void raise_to(struct proxy *p, uint64_t value)
{
    for (int i = 0; i < 5; i++) {
        enum ids_status st = idseq_raise(&p->seq, value, &arena, &fault);
        if (st == IDS_OK) return;
        assert_int_equal(st, IDS_WAIT);
        assert_true(idseq_refill(&p->seq));
    }
    fail_msg("not raised");
}

/* ---- one thread ---- */

static void test_first_is_one_and_gapless(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    uint64_t first;
    assert_int_equal(take(p, 1, &first), IDS_WAIT);
    assert_int_equal(p->wanted, 1);
    assert_int_equal(take(p, 1, &first), IDS_WAIT); /* joins, does not ask twice */
    assert_int_equal(p->wanted, 1);
    for (uint64_t want = 1; want < 500; want++) {
        assert_int_equal(get(p, 1), want);
        (void)idseq_refill(&p->seq);
    }
    struct ids_stats s;
    idseq_stats(&p->seq, &s);
    assert_int_equal(s.taken, 499);
    assert_int_equal(s.next, 500);
    assert_int_equal(s.failures, 0);
    proxy_free(p);
}

/* The next segment is asked for when 10 to 25 % of the current one is used, once. */
static void test_prefetch(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 1000);
    get(p, 1);
    uint32_t before = p->wanted, used = 1;
    while (p->wanted == before && used < 1000) {
        get(p, 1);
        used++;
    }
    assert_in_range(used, 100, 250);
    assert_int_equal(row.fetches, 1);
    for (int i = 0; i < 100; i++) get(p, 1);
    assert_int_equal(p->wanted, before + 1);
    assert_true(idseq_refill(&p->seq));
    assert_false(idseq_refill(&p->seq));
    for (uint32_t i = used + 100; i < 2000; i++) assert_int_equal(get(p, 1), i + 1);
    proxy_free(p);
}

/* Another proxy took in between: segments do not touch; ids stay unique and ranges whole. */
static void test_not_adjacent(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *a = proxy_new(&row, 10), *b = proxy_new(&row, 10);
    assert_int_equal(get(a, 1), 1);
    assert_int_equal(get(b, 1), 11);
    assert_int_equal(get(a, 3), 2);     /* prefetch wanted */
    assert_true(idseq_refill(&a->seq)); /* 21..30 ahead */
    assert_int_equal(get(a, 5), 5);
    assert_int_equal(get(a, 3), 21); /* 10 is skipped: a range lies in one segment */
    assert_int_equal(get(a, 1), 24);
    struct ids_stats s;
    idseq_stats(&a->seq, &s);
    assert_int_equal(s.taken, 13);
    proxy_free(a);
    proxy_free(b);
}

static void test_ranges_beyond_the_step(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10), *other = proxy_new(&row, 7);
    assert_int_equal(get(p, 5000), 1);
    assert_int_equal(get(p, 1), 5001);
    get(other, 1);
    uint64_t first = get(p, 1000000);
    assert_true(first > 5001 && row.max_id >= first + 999999);
    uint64_t next = get(p, 1);
    assert_true(next >= first + 1000000);
    assert_int_equal(take(p, 10000001, &first), IDS_FAILED);
    assert_true(str_find(fault.message, STR("too many"), 0) != SIZE_MAX);
    assert_int_equal(get(p, 1), next + 1);
    proxy_free(p);
    proxy_free(other);
}

static void test_step_adapts(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 100);
    struct ids_stats s;
    for (int i = 0; i < 20000; i++) {
        get(p, 1);
        (void)idseq_refill(&p->seq);
    }
    idseq_stats(&p->seq, &s);
    assert_true(s.step > 1000); /* 20,000 ids in no time */
    for (int i = 0; i < 200; i++) {
        p->now += IDS_SLOW_MS + 1000;
        get(p, s.step / 4);
        (void)idseq_refill(&p->seq);
        idseq_stats(&p->seq, &s);
    }
    assert_int_equal(s.step, 100); /* never below the rules' */
    for (int i = 0; i < 40; i++) {
        get(p, 1000000);
        (void)idseq_refill(&p->seq);
    }
    idseq_stats(&p->seq, &s);
    assert_int_equal(s.step, IDS_MAX_STEP);
    proxy_free(p);
}

static void test_raise(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    raise_to(p, 100); /* a new sequence, an explicit value first */
    assert_int_equal(get(p, 1), 101);
    raise_to(p, 5); /* below: nothing */
    assert_int_equal(get(p, 1), 102);
    raise_to(p, 105); /* inside the current segment */
    assert_int_equal(get(p, 1), 106);
    (void)idseq_refill(&p->seq); /* ahead 111..120, touching */
    raise_to(p, 114);
    assert_int_equal(get(p, 1), 115);
    raise_to(p, 120); /* the last of all we hold */
    assert_int_equal(get(p, 1), 121);
    uint64_t fetches = row.fetches;
    raise_to(p, 1000000);
    assert_true(row.fetches > fetches);
    assert_true(row.max_id > 1000000); /* other proxies are beyond it too */
    assert_int_equal(get(p, 1), 1000001);
    for (int i = 0; i < 100; i++) assert_int_equal(get(p, 1), 1000002 + i);
    struct ids_stats s;
    idseq_stats(&p->seq, &s);
    assert_int_equal(s.taken, 106);
    proxy_free(p);
}

static void test_raise_to_the_end(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    get(p, 1);
    raise_to(p, UINT64_MAX); /* as MySQL: the value goes in, no id comes after it */
    assert_true(row.max_id == UINT64_MAX);
    uint64_t first;
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    assert_true(str_find(fault.message, STR("exhausted"), 0) != SIZE_MAX);
    raise_to(p, UINT64_MAX);
    raise_to(p, 7);
    proxy_free(p);
}

static void test_row_set_back(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    for (int i = 0; i < 30; i++) {
        get(p, 1);
        (void)idseq_refill(&p->seq);
    }
    row.max_id = 3; /* somebody restored an old dump */
    uint64_t last = 30;
    for (int i = 0; i < 50; i++) {
        uint64_t id = get(p, 1);
        assert_true(id > last);
        last = id;
        (void)idseq_refill(&p->seq);
    }
    assert_true(row.max_id >= last);
    proxy_free(p);
}

static void test_failure_and_back_off(void **state)
{
    (void)state;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    uint64_t first;
    row.broken = true;
    assert_int_equal(take(p, 1, &first), IDS_WAIT);
    assert_true(idseq_refill(&p->seq));
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    assert_int_equal(fault.code, 1105);
    assert_true(str_find(fault.message, STR("orders_id"), 0) != SIZE_MAX &&
                str_find(fault.message, STR("s0"), 0) != SIZE_MAX &&
                str_find(fault.message, STR("gone away"), 0) != SIZE_MAX);
    assert_int_equal(idseq_raise(&p->seq, 9, &arena, &fault), IDS_FAILED);
    assert_true(idseq_tick(&p->seq)); /* outstanding, too early */
    assert_false(idseq_refill(&p->seq));
    p->now += IDS_BACKOFF_MS;
    assert_int_equal(take(p, 1, &first), IDS_WAIT); /* asks again */
    assert_true(idseq_refill(&p->seq));
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    p->now += IDS_BACKOFF_MS;
    assert_int_equal(take(p, 1, &first), IDS_FAILED); /* backs off twice as long */
    p->now += IDS_BACKOFF_MS;
    assert_true(idseq_tick(&p->seq)); /* by itself */
    row.broken = false;
    assert_true(idseq_refill(&p->seq));
    assert_false(idseq_tick(&p->seq));
    assert_int_equal(take(p, 1, &first), IDS_OK);
    struct ids_stats s;
    idseq_stats(&p->seq, &s);
    assert_int_equal(s.failures, 2);
    /* A prefetch that fails is not felt while the segment lasts. */
    row.broken = true;
    for (int i = 0; i < 9; i++) {
        assert_int_equal(take(p, 1, &first), IDS_OK);
        (void)idseq_refill(&p->seq);
    }
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    proxy_free(p);
}

static void test_close_gives_back(void **state)
{
    (void)state;
    uint64_t keep, last, first;
    struct row row = ROW;
    struct proxy *p = proxy_new(&row, 10);
    assert_false(idseq_close(&p->seq, &keep, &last)); /* nothing was fetched */
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    proxy_free(p);

    p = proxy_new(&row, 10);
    for (int i = 0; i < 4; i++) get(p, 1);
    (void)idseq_refill(&p->seq); /* 11..20 ahead */
    assert_true(idseq_close(&p->seq, &keep, &last));
    assert_int_equal(keep, 4);
    assert_int_equal(last, 20);
    assert_int_equal(last, row.max_id);
    assert_int_equal(take(p, 1, &first), IDS_FAILED);
    assert_int_equal(idseq_raise(&p->seq, 100, &arena, &fault), IDS_FAILED);
    assert_false(idseq_close(&p->seq, &keep, &last));
    assert_false(idseq_refill(&p->seq));
    proxy_free(p);

    /* What lies between two segments is another proxy's: only the segment ahead goes back. */
    row.max_id = 0;
    p = proxy_new(&row, 10);
    for (int i = 0; i < 4; i++) get(p, 1);
    row.max_id = 50;
    (void)idseq_refill(&p->seq);
    assert_true(idseq_close(&p->seq, &keep, &last));
    assert_int_equal(keep, 50);
    assert_int_equal(last, 60);
    proxy_free(p);
}

/* ---- threads ---- */

enum { PROXIES = 3, TAKERS = 4, TAKES = 30000 };

static void *refiller(void *arg)
{
    struct proxy *p = arg;
    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->pending && !p->stop) {
            struct timespec t;
            clock_gettime(CLOCK_REALTIME, &t);
            t.tv_nsec += 1000000;
            if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
            if (pthread_cond_timedwait(&p->cond, &p->lock, &t)) break;
        }
        bool stop = p->stop;
        p->pending = false;
        pthread_mutex_unlock(&p->lock);
        if (stop) return NULL;
        __atomic_add_fetch(&p->now, 60, __ATOMIC_RELAXED);
        (void)idseq_tick(&p->seq);
        (void)idseq_refill(&p->seq);
    }
}

struct range {
    uint64_t first, n;
};
struct taker {
    struct proxy *p;
    unsigned seed;
    struct range *ranges;
    uint32_t n;
    uint64_t raised; /* highest value that was raised before the last take */
    bool wrong;
};

static void *taker(void *arg)
{
    struct taker *t = arg;
    struct arena a;
    struct fault f;
    arena_init(&a, 0);
    while (t->n < TAKES) {
        uint64_t n = rand_r(&t->seed) % 16 ? 1 : 1 + (uint64_t)rand_r(&t->seed) % 300, first;
        enum ids_status st = idseq_take(&t->p->seq, n, &first, &a, &f);
        if (st == IDS_OK) {
            if (first <= t->raised) t->wrong = true;
            t->ranges[t->n++] = (struct range){first, n};
            if (rand_r(&t->seed) % 5000 == 0) { /* an explicit value a little beyond */
                uint64_t value = first + (uint64_t)rand_r(&t->seed) % 3000;
                if (idseq_raise(&t->p->seq, value, &a, &f) == IDS_OK) t->raised = value;
            }
        } else {
            struct timespec nap = {.tv_nsec = 50000};
            nanosleep(&nap, NULL);
        }
        arena_reset(&a);
    }
    arena_release(&a);
    return NULL;
}

static int by_first(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void test_threads(void **state)
{
    (void)state;
    static struct range all[PROXIES * TAKERS * TAKES];
    struct row row = ROW;
    struct proxy *proxies[PROXIES];
    struct taker takers[PROXIES * TAKERS];
    pthread_t refill[PROXIES], take_threads[PROXIES * TAKERS];
    row.fail_every = 7;
    for (uint32_t i = 0; i < PROXIES; i++) {
        proxies[i] = proxy_new(&row, 50 + i);
        proxies[i]->threads = true;
        pthread_create(&refill[i], NULL, refiller, proxies[i]);
    }
    for (uint32_t i = 0; i < PROXIES * TAKERS; i++) {
        takers[i] = (struct taker){.p = proxies[i % PROXIES], .seed = i, .ranges = all + i * TAKES};
        pthread_create(&take_threads[i], NULL, taker, &takers[i]);
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < PROXIES * TAKERS; i++) {
        pthread_join(take_threads[i], NULL);
        assert_false(takers[i].wrong);
        for (uint32_t j = 0; j < TAKES; j++) sum += takers[i].ranges[j].n;
    }
    uint64_t taken = 0;
    for (uint32_t i = 0; i < PROXIES; i++) {
        pthread_mutex_lock(&proxies[i]->lock);
        proxies[i]->stop = true;
        pthread_cond_signal(&proxies[i]->cond);
        pthread_mutex_unlock(&proxies[i]->lock);
        pthread_join(refill[i], NULL);
        struct ids_stats s;
        idseq_stats(&proxies[i]->seq, &s);
        taken += s.taken;
        assert_true(s.failures > 0);
        proxy_free(proxies[i]);
    }
    assert_int_equal(taken, sum);
    qsort(all, COUNT_OF(all), sizeof *all, by_first);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_true(all[i].first > 0 && all[i].first + all[i].n - 1 <= row.max_id);
        if (i) assert_true(all[i - 1].first + all[i - 1].n <= all[i].first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_is_one_and_gapless),
        cmocka_unit_test(test_prefetch),
        cmocka_unit_test(test_not_adjacent),
        cmocka_unit_test(test_ranges_beyond_the_step),
        cmocka_unit_test(test_step_adapts),
        cmocka_unit_test(test_raise),
        cmocka_unit_test(test_raise_to_the_end),
        cmocka_unit_test(test_row_set_back),
        cmocka_unit_test(test_failure_and_back_off),
        cmocka_unit_test(test_close_gives_back),
        cmocka_unit_test(test_threads),
    };
    arena_init(&arena, 0);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
