// state.safetensors of a run: all that --resume needs to go on as if nothing had happened (design
// 7, ctr-state-1).
//
// Parameters, running statistics, Adam's moments, the place in the epoch, the sums of the epoch so
// far, the candidates of `keep`, and the length of history.jsonl. Random numbers have no state:
// they are counters.
#pragma once

#include "model/train/keep.h"
#include "model/train/tower.h"

#include <stdint.h>

// Sums of an epoch, each but the last times documents.
enum state_sum {
    STATE_LOSS,
    STATE_POINT_CE,
    STATE_KL,      // of the second loss
    STATE_TEACHER, // PointCE of a teacher that learns beside
    STATE_DOCS,
    STATE_SUMS
};

struct progressive;

struct state {
    const char *stage;       // "teacher" or "student"
    const char *identity;    // train_config_identity of the run
    uint64_t data_hash;      // of training and validation data
    const char *teacher;     // SHA-256 of the file of its teacher, or ""
    uint32_t epoch, step;    // the next minibatch is `step` of `epoch` (both from 0)
    double sums[STATE_SUMS]; // of the epoch so far
    double log_mass;         // of the running mean of Z_t, objective.h
    uint64_t history_bytes;
    struct keep keep;
    const struct schema *schema;     // of the inputs, with what was fitted: for a later warm start
    struct progressive *progressive; // its window; NULL: none
    struct input_train *inputs;      // (input_count) what is saved, and filled on loading
    size_t input_count;
    struct tower *towers; // (tower_count) the same
    size_t tower_count;
};

// Replaces the file: the old state or the new one, never a part.
MUST_USE enum status state_save(const char *path, const struct state *state, struct diag *reterr);

// STATUS_CONFIG unless it belongs to this configuration; STATUS_NOT_FOUND without a file.
MUST_USE enum status state_check_identity(const char *path, const char *identity,
                                          struct diag *reterr);
// Which stage a saved run is in: *ret_stage is allocated, the caller frees. STATUS_CONFIG if it
// belongs to other data.
MUST_USE enum status state_stage(const char *path, uint64_t data_hash, char **ret_stage,
                                 struct diag *reterr);
// STATUS_CONFIG unless the saved stage learns from the teacher with this SHA-256 ("": from none).
MUST_USE enum status state_check_teacher(const char *path, const char *teacher,
                                         struct diag *reterr);
// How long history.jsonl was when the state was saved.
MUST_USE enum status state_history_bytes(const char *path, uint64_t *ret_bytes,
                                         struct diag *reterr);
// A warm start: parameters, statistics, moments, steps taken and the mean mass of another run's
// state, whose network must be the same; nothing else.
MUST_USE enum status state_warm(const char *path, struct state *state, struct diag *reterr);
// Fills everything but stage, identity, data_hash and schema, and the memory of the towers.
MUST_USE enum status state_load(const char *path, struct state *state, struct diag *reterr);
