// The input of the towers while it learns: embeddings and DIN, spec/algorithm.md 1's base module.
//
//   cells -> x (docs, width): numbers transformed, rows of tables, pooled lists, DIN
//   d loss / d x -> gradients of the rows that were used and of DIN
//
// What the columns are model/featurise.c says, for trainer and server alike; here they get their
// gradients. A schema without tables has nothing to learn and nothing to do on the way back.
// Results depend on shards, never on the number of threads. One thread calls; the team works.
#pragma once

#include "model/checkpoint.h"
#include "model/train/din_train.h"
#include "model/train/embed_table.h"
#include "model/train/minibatch.h"

struct input_train_config {
    const struct schema *schema; // borrowed; its tables are sized
    const struct kernels *kernels;
    bool privileged; // false: the columns that a student sees
    struct checkpoint_attention attention;
    enum embed_optimiser optimiser;
    double deviation; // of the rows' first values
    const char *name; // in the state file: "input", "teacher_input"
    size_t shards, max_rows, max_lists;
    uint64_t seed;
};

// A feature of pool DIN.
struct input_din {
    const struct schema_feature *feature;
    struct din_train *unit;
    struct adam adam;
    uint64_t *offset; // (max_lists + 1) first behaviour of each list
    uint32_t *rows;   // (max_lists, size) rows of the behaviours, one after another
    float *behaviour, *grad_behaviour; // (max_lists, size, dim)
    float *grad_target;                // (max_rows, dim)
    struct din_train_batch batch;
};

struct input_train {
    struct input_train_config config;
    struct team *team;
    size_t width;               // of x
    bool learns;                // has tables
    struct embed_table *tables; // (schema->table_count); rows 0: not of this input
    const float **values;       // (schema->table_count) of the tables
    struct input_din *din;      // (din_count)
    size_t din_count;
    size_t *first;                 // (schema->count) first occurrence of a feature in its table
    uint32_t *lookup;              // (max_rows or max_lists, longest list): rows of one feature
    float *x, *grad;               // (max_rows, width); grad only where it learns
    const struct minibatch *batch; // of the last forward
};

// STATUS_NO_MEMORY, STATUS_CONFIG, STATUS_TOO_LARGE; input_train_fini in any case.
MUST_USE enum status input_train_init(struct input_train *input,
                                      const struct input_train_config *config, struct team *team,
                                      struct diag *reterr);
void input_train_fini(struct input_train *input);

// x from the batch's cells; grad is zeroed for the towers to add to. STATUS_NO_MEMORY.
MUST_USE enum status input_train_forward(struct input_train *input, const struct minibatch *batch,
                                         struct diag *reterr);
// From grad = d loss / d x to the gradients of tables and DIN; returns their sum of squares.
double input_train_backward(struct input_train *input);
// One step; `squares` is of everything that is clipped together.
void input_train_update(struct input_train *input, const struct adam_config *config, double lr,
                        double embed_lr, double squares);
