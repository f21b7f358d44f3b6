// A tower: a network that learns, its optimiser, and the columns of its input that it sees.
// Student, teacher and the shallow tower of the baselines are all of this kind (spec/algorithm.md
// 4).
#pragma once

#include "model/train/adam.h"
#include "model/train/input_train.h"
#include "model/train/net_train.h"

#include <stddef.h>
#include <stdint.h>

enum { TOWER_MAX = 2 }; // that learn in one step

struct tower {
    const char *name;          // "student", "teacher", "shallow"
    struct input_train *input; // borrowed; towers may share one
    size_t first;              // column of the input's rows; net's input many follow
    size_t width;
    bool moves_input;  // its gradient goes on into the input
    const bool *moves; // (width) which columns, borrowed; NULL: all
    struct net_train *net;
    struct adam adam;
    float *x;            // (max_rows, width) the columns side by side; NULL: all of the row
    float *logit, *grad; // (max_rows)
    size_t docs;         // of the last forward
};

// The network as `config` says; its columns begin at `first` of the input's rows. Weights are drawn
// by config->seed, the output bias is as given; with config->grad_input it moves the input.
// STATUS_CONFIG, STATUS_NO_MEMORY; tower_fini in either case.
MUST_USE enum status tower_init(struct tower *tower, const char *name,
                                const struct net_train_config *config, double output_bias,
                                size_t first, struct input_train *input, struct team *team,
                                struct diag *reterr);
void tower_fini(struct tower *tower);

// logit (docs) by the training forward of the input's rows.
void tower_forward(struct tower *tower, size_t docs, uint32_t epoch, uint32_t step);
// From tower->grad = d loss / d logit to the gradients of all parameters; returns their sum of
// squares. What a tower asks of its input is added to the input's grad.
double tower_backward(struct tower *tower, struct team *team);
// One step of Adam; `squares` is of all towers of the step, which are clipped together.
void tower_update(struct tower *tower, const struct adam_config *config, double lr, double squares,
                  struct team *team);
