/*
 * login.h - what the files of a login share. Not for others.
 *
 *   login.c     greeting, packets, TLS, compression, the end of a login; COM_CHANGE_USER
 *   auth.c      the methods by which a client proves that it knows the secret
 *   throttle.c  hosts with many failed logins wait (the whole process)
 *   rights.c    which schemas a user may name
 */
#ifndef WEIR_LOGIN_H
#define WEIR_LOGIN_H

#include "proxy/session/session.h"

enum auth_method { AUTH_NATIVE, AUTH_SHA2, AUTH_ED25519, AUTH_CLEAR, AUTH_OTHER };

struct login_memo { /* during a login only */
    char user[97];
    char schema[193];
    bool has_schema, empty_auth;
    bool no_native, no_ed25519;    /* methods that the client's library lacks: libmysqlclient from 9.0 on has the first as a loose part only */
    bool say_fast;                 /* caching_sha2's word for "the fast path did it" goes before the OK */
    uint8_t compression, level;    /* enum link_compression, from the OK on; 0: none */
    enum auth_method method;
    const struct conf_user *like;  /* the user; of an unknown name the user that it is treated like */
    const char *hopeless;          /* why it will be refused whatever it answers (for the log); NULL: the answer decides */
    uint8_t nonce[WIRE_ED25519_NONCE]; /* of client_ed25519: longer than the others' */
    /* held back: the verdict is known, its answer waits */
    bool held, good;
    uint64_t until_ms;
    uint32_t ticket;
};

static inline const uint8_t *session_address(const struct session *s) { return s->has_address ? s->address : NULL; }

/* ---- auth.c ---- */
struct str auth_greeting_plugin(const struct conf *c); /* the method that the greeting names */
/* The user of that name, or else one that an unknown name imitates. NULL: there are no users at all. */
const struct conf_user *auth_decoy(const struct conf *c, struct str name);
/* The answer in a login packet (may_switch: the client can be asked to use another method) or to a switch. */
void auth_first(struct session *s, struct str plugin, struct str answer, bool may_switch);
void auth_switched(struct session *s, struct str answer);
void auth_full(struct session *s, struct str answer);   /* behind caching_sha2's request for the password */
void auth_cipher(struct session *s, struct str cipher); /* behind the public key */

/* ---- login.c ---- */
/* The method's end. why: for the log. */
void login_verdict(struct session *s, bool good, const char *why);
void login_send(struct session *s, struct buf *out, enum session_state next); /* releases out */
void login_refuse(struct session *s, uint16_t code, const char *state, struct str message);

/* ---- throttle.c ---- */
enum throttle { THROTTLE_GO, THROTTLE_HOLD /* with a ticket for throttle_leave */, THROTTLE_FULL /* too many wait already */ };
/* A login of that address (NULL: a Unix socket) was good or not. */
enum throttle throttle_judge(const uint8_t *address, bool good, uint64_t now_ms, uint64_t limit, uint32_t *ticket);
/* Would it be held back now? */
bool throttle_is_slow(const uint8_t *address, uint64_t now_ms, uint64_t limit);
void throttle_leave(uint32_t ticket);
void throttle_clear(void); /* forgets everything; for tests */

#endif
