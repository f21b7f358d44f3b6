// Made data in LETOR form whose click probabilities are known (docs/synth.md explains the choices).
//
// A list q has n = min + floor((max - min + 1) * U^1.5) documents, at most max, and factors
// a_1..a_6 ~ N(0,1). A document i has latent factors u_ik = sqrt(.35) a_k + sqrt(.65) e_ik, e ~
// N(0,1), and
//   r_i = 1.2 tanh(u_i1) + 0.5 u_i2 + 0.6 u_i1 u_i3 / (1 + |u_i3|) - 0.3 (u_i4^2 - 1)
//   m_i = mean of r_j over the other documents (0 if there is none)
//   s_i = b + 1.2 r_i - context * ( 0.9 m_i + 0.6 a_5 + 0.3 (log(1 + n) - 4) )
//   P_i = 1 / (1 + exp(-s_i)),  click ~ Bernoulli(P_i)
// The grade is 0 without a click, else 1..4 by r_i (the quantiles .65, .90, .97 of r among clicks).
// b is such that the mean of P over 400 lists of their own is the click rate asked for. u_i6 is of
// no use.
//
// Feature j shows two factors and noise, z_ij = (w u_ik + w' u_ik' + c e) / norm with k = 1 + (j
// mod 6), in one of seven shapes: heavy-tailed, count, zero-inflated, log-like (negative),
// fraction, flag, very heavy count.
//
// So a document's own features tell r_i and, through u_i, a little of its list; the other documents
// tell m_i and a_5. Everything is a pure function of the configuration and the number of the list.
#pragma once

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum { SYNTH_LETOR_FACTORS = 6, SYNTH_LETOR_MAX_DOCS = 4096, SYNTH_LETOR_MAX_FEATURES = 4096 };

struct synth_letor_config {
    uint64_t seed;
    uint32_t features;           // 1..SYNTH_LETOR_MAX_FEATURES
    uint32_t docs_min, docs_max; // of a list; 1 <= min <= max <= SYNTH_LETOR_MAX_DOCS
    double click_rate;           // mean of P, in 0.001..0.9
    double context;              // strength of what depends on the page, 0..10; 0: none
};

struct synth_letor; // loadings, b, quantiles

struct synth_letor_config
synth_letor_defaults(void); // 136 features, 1..300 documents, .2, 1, seed 1
// STATUS_INVALID names what is out of range; STATUS_NO_MEMORY.
MUST_USE enum status synth_letor_new(const struct synth_letor_config *config,
                                     struct synth_letor **ret_synth, struct diag *reterr);
void synth_letor_free(struct synth_letor *synth); // NULL is nothing

struct synth_letor_doc {
    double u[SYNTH_LETOR_FACTORS];
    double relevance, p; // r, P
    int grade;
};

// The documents of a list; returns how many. docs has room for docs_max.
size_t synth_letor_list(const struct synth_letor *synth, uint32_t list,
                        struct synth_letor_doc *docs);

struct synth_letor_report {
    uint64_t docs, clicks;
    double mean_p;
    double logloss; // expected LogLoss of the true P: no model can be expected to do better
};

// Lists first_list .. first_list + lists - 1 as LETOR text, qid = number of the list, and one P a
// line (shortest decimal that reads back) in truth_path. Both files appear complete or not at all.
MUST_USE enum status synth_letor_write(const struct synth_letor *synth, const char *path,
                                       const char *truth_path, uint32_t lists, uint32_t first_list,
                                       struct synth_letor_report *ret_report, struct diag *reterr);
