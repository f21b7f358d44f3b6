// What `ctr train` is told: one struct from train_config.def, loaded by base/cfg.
#pragma once

#include "base/cfg.h"
#include "model/train/method.h"
#include "model/train/quality.h"

enum { TRAIN_CONFIG_TWO_STAGE, TRAIN_CONFIG_JOINT }; // mode

#define CFG(field, kind, key, fallback, min, max, choices, help)                                   \
    CFG_FIELD(field, kind, key, fallback, min, max, choices, help)
struct train_config {
#include "model/train/train_config.def"
};
#undef CFG

extern const struct cfg_table train_config_table;

struct train_config_source {
    const char *file;        // CONFIG.yaml
    const char *const *sets; // --set key=value
    size_t set_count;
};

// Loads and checks what rows alone cannot (a training file, the number of layers), and makes the
// data paths absolute: relative ones start at the folder of `file`. *ret_doc holds the `features`
// tree; the caller frees both, the document after the configuration. On failure both
// may be freed all the same.
MUST_USE enum status train_config_load(const struct train_config_source *source,
                                       struct train_config *ret_config, struct yamldoc **ret_doc,
                                       struct diag *reterr);
// The checks and paths of train_config_load for values that came another way; `file` is the one
// whose folder relative paths start at.
MUST_USE enum status train_config_finish(struct train_config *config, const char *file,
                                         struct diag *reterr);
void train_config_fini(struct train_config *config);

const struct method *train_config_method(const struct train_config *config);
double train_config_alpha(const struct train_config *config); // as given, or 1/(1+r)
// The learning rate of an epoch (from 0).
double train_config_lr(const struct train_config *config, uint64_t epoch);
// The measure of ranking that train.rank_by names.
double train_config_rank(const struct train_config *config, const struct quality *quality);
// Its member in the measures of a run, "ndcg10", and its title, "NDCG@10".
const char *train_config_rank_key(const struct train_config *config);
const char *train_config_rank_title(const struct train_config *config);
// The learning rate for rows of embedding tables.
double train_config_embed_lr(const struct train_config *config, uint64_t epoch);
// What DIN's attention is made of.
void train_config_attention(const struct train_config *config,
                            struct checkpoint_attention *ret_attention);
// Whether the loss of a tower moves the embeddings that are shared.
bool train_config_moves_input(const struct train_config *config, const char *tower);
// The options that decide the result as YAML: without paths, threads and minutes. Goes into the
// checkpoint's lineage and tells whether a saved state belongs to this configuration.
void train_config_identity(const struct train_config *config, struct buf *out);
// All of it as YAML that loads back to the same: the run folder's config.yaml.
void train_config_yaml(const struct train_config *config, struct buf *out);
