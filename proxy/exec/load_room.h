/* load_room.h - the inside of a LOAD DATA LOCAL under way. For load.c (the client's and the servers' side of the protocol) and load_split.c (records). */
#ifndef WEIR_EXEC_LOAD_ROOM_H
#define WEIR_EXEC_LOAD_ROOM_H

#include "proxy/exec/lane.h"
#include "proxy/exec/load.h"
#include "proxy/load/load.h"

enum { BATCH_MAX = 1 << 20, BATCH_MIN = 16 << 10, BATCH_ROWS = 65536, IDS_AT_ONCE = 4096, MESSAGES_MAX = 64, FILE_PACKET = 64 << 10 };

struct rows { /* where the batch's rows are in the client's file */
    uint64_t base;
    uint32_t *at; /* row - base, by row of the batch */
    uint32_t n, cap;
};

/*
 *   fill --queued(): the batch is full, or the file is over--> out --load_parks: its lane runs it--> sent --reply, and its warnings are read--> free
 *
 * `fill` goes on filling meanwhile; when it is full too, the client has to wait.
 */
enum batch_state { OUT_FREE, OUT_QUEUED, OUT_RUNNING };
struct batch {
    struct buf fill, out;
    struct rows fill_rows, out_rows;
    enum batch_state state;
};

struct load_lane {
    bool started, parked; /* parked: in LANE_LEG with nothing to send */
    uint32_t leg;         /* of the batch that it runs or ran last */
    uint64_t noted;       /* row of the last of its warnings */
};

struct load_note { /* a warning, for SHOW WARNINGS in the order of the file */
    uint64_t row;
    uint8_t level;
    uint16_t code;
    struct str text; /* malloc */
};

struct load {
    struct exec *e;
    const struct plan_load *pl; /* NULL: relayed */
    struct str file;
    bool asked;      /* the client was sent 0xFB */
    bool over;       /* and its empty packet came */
    bool dropping;   /* the statement failed: what comes is read and dropped */
    bool paused;     /* the client is not read from */
    bool lost;       /* the client's packets are out of step */
    uint64_t heard_ms;
    /* the client's packets */
    uint8_t head[4], nhead, seq;
    bool full;       /* the packet before had 16 MB - 1: an empty one is its end */
    uint32_t left;
    /* relayed */
    struct lane *lane;
    uint8_t server_seq;
    bool answered;   /* the server's reply began */
    /* split */
    struct load_reader *reader;
    struct load_record rec;
    bool pending;    /* rec waits for room or an id */
    uint8_t given;   /* 1: faults are of rec, 0: of the record that the reader is at */
    bool ended;      /* every record is in a batch, every batch queued */
    struct arena scratch;
    struct batch *batches;  /* by leg */
    struct load_lane *lanes; /* by lane */
    uint32_t *lane_of_leg;
    size_t batch_max;
    uint32_t *wanted, nwanted, *key_field, id_field; /* fields of the file that are looked at; the keys' and the id's places among them */
    struct value *values;
    uint64_t next_id, end_id, taken;   /* ids at hand */
    uint64_t max_explicit, raised;
    bool waits_raise, waits_id;
    uint32_t last_leg; /* of the last record */
    /* the reply */
    uint64_t records, deleted, skipped;
    struct load_note notes[MESSAGES_MAX];
    uint32_t nnotes;
};

/* load_split.c */
bool split_begin(struct load *l, struct fault *f) MUST_CHECK;
void split_release(struct load *l);
void split_pump(struct load *l);          /* records as far as there is room */
void split_leg_over(struct load *l, struct lane *lane);
uint64_t split_row(const struct load *l, uint32_t leg, uint64_t row); /* of the file; 0: not known */
void split_ids_ready(struct load *l);
void split_note_warning(struct load *l, uint64_t row, uint8_t level, uint16_t code, struct str text);

/* load.c */
void load_enter(struct load *l);
void load_leave(struct load *l); /* the statement may be over, and `l` gone */
void load_kick(struct load *l, uint32_t lane);
void load_pause(struct load *l, bool on);

#endif
