// A tower: a network that learns, its optimiser, and the columns of a minibatch that it sees.
// Student, teacher and the shallow tower of the baselines are all of this kind (spec/algorithm.md
// 4).
#pragma once

#include "model/train/adam.h"
#include "model/train/minibatch.h"
#include "model/train/net_train.h"

#include <stddef.h>
#include <stdint.h>

enum { TOWER_MAX = 2 }; // that learn in one step

struct tower {
    const char *name; // "student", "teacher", "shallow"
    size_t first;     // column of the minibatch's rows; net's input many follow
    size_t width;
    struct net_train *net;
    struct adam adam;
    float *x;            // (max_rows, width) the columns side by side; NULL: all of the row
    float *logit, *grad; // (max_rows)
};

// The network as `config` says; its columns begin at `first` of rows of `row_width`. Weights are
// drawn by config->seed, the output bias is as given. STATUS_CONFIG, STATUS_NO_MEMORY; tower_fini
// in either case.
MUST_USE enum status tower_init(struct tower *tower, const char *name,
                                const struct net_train_config *config, double output_bias,
                                size_t first, size_t row_width, struct team *team,
                                struct diag *reterr);
void tower_fini(struct tower *tower);

// logit (batch->docs) by the training forward.
void tower_forward(struct tower *tower, const struct minibatch *batch, uint32_t epoch,
                   uint32_t step);
// From tower->grad = d loss / d logit to the gradients of all parameters; returns their sum of
// squares.
double tower_backward(struct tower *tower, struct team *team);
// One step of Adam; `squares` is of all towers of the step, which are clipped together.
void tower_update(struct tower *tower, const struct adam_config *config, double lr, double squares,
                  struct team *team);
