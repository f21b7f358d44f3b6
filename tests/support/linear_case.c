#include "tests/support/linear_case.h"

#include "base/rng.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint.h"

#include <stdlib.h>

static void make_data(struct linear_case *linear, const size_t *docs, size_t lists)
{
    size_t all = 0;
    linear->offset = calloc(lists + 1, sizeof(*linear->offset));
    assert_non_null(linear->offset);
    for (size_t i = 0; i < lists; i++)
        linear->offset[i + 1] = all += docs[i];
    linear->values = calloc(all * LINEAR_CASE_COLUMNS, sizeof(*linear->values));
    linear->grade = calloc(all, sizeof(*linear->grade));
    assert_non_null(linear->values);
    assert_non_null(linear->grade);
    struct rng rng;
    rng_start(&rng, 17, RNG_TEST, 0, 0);
    for (size_t i = 0; i < all * LINEAR_CASE_COLUMNS; i++)
        linear->values[i] = (float)rng_below(&rng, 4096) / 1024 - 2;
    for (size_t i = 0; i < all; i++)
        linear->grade[i] = (float)rng_below(&rng, 5);
    linear->dataset = (struct dataset){.lists = lists,
                                       .docs = all,
                                       .columns = LINEAR_CASE_COLUMNS,
                                       .offset = linear->offset,
                                       .values = linear->values,
                                       .grade = linear->grade};
}

void linear_case_make(struct linear_case *linear, const size_t *docs, size_t lists)
{
    static const struct make_checkpoint spec = {
        .role = CHECKPOINT_STUDENT, .features = "f:item:2", .seed = 3};
    const struct kernels *kernels;
    struct checkpoint checkpoint;
    make_data(linear, docs, lists);
    assert_int_equal(make_checkpoint(&spec, &checkpoint, NULL), STATUS_OK);
    uint32_t *columns = calloc(2, sizeof(*columns));
    assert_non_null(columns);
    columns[0] = 1;
    columns[1] = 3;
    checkpoint.schema.features[0].columns = columns;
    assert_int_equal(kernels_choose("auto", &kernels, NULL), STATUS_OK);
    assert_int_equal(scorer_take(&checkpoint, kernels, &linear->scorer, NULL), STATUS_OK);
}

void linear_case_fini(struct linear_case *linear)
{
    scorer_fini(&linear->scorer);
    free(linear->offset);
    free(linear->values);
    free(linear->grade);
}

double linear_case_logit(const struct linear_case *linear, size_t doc)
{
    const struct checkpoint_layer *layer = &linear->scorer.checkpoint.layers[0];
    const float *x = linear->values + doc * LINEAR_CASE_COLUMNS;
    return (double)layer->weight[0] * (double)x[0] + (double)layer->weight[1] * (double)x[2] +
           (double)layer->bias[0];
}
