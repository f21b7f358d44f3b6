#include "model/train/adam.h"

#include "base/clones.h"

#include <math.h>

// The parameters are cut into this many pieces, whatever the number of threads: the order in which
// squares are added must not depend on it.
enum { ADAM_PIECES = 64, ADAM_LANES = 8 };

struct adam_job {
    const struct param_set *params;
    const float *grads;
    float *values, *m, *v;
    double square_sums[ADAM_PIECES];
    struct adam_rates rates;
    bool decay_all;
};

struct adam_rates adam_rates_of(const struct adam_config *config, uint64_t t, double lr,
                                double squares)
{
    double norm = sqrt(squares);
    bool clips = config->clip_norm > 0 && norm > config->clip_norm;
    return (struct adam_rates){
        .beta1 = (float)config->beta1,
        .beta2 = (float)config->beta2,
        .one_minus_beta1 = (float)(1 - config->beta1),
        .one_minus_beta2 = (float)(1 - config->beta2),
        .step_size = (float)(lr / (1 - pow(config->beta1, (double)t))),
        .root_scale = (float)(1 / sqrt(1 - pow(config->beta2, (double)t))),
        .epsilon = (float)config->epsilon,
        .clip = clips ? (float)(config->clip_norm / norm) : 1,
        .decay = (float)config->weight_decay,
    };
}

CLONES double adam_run_squares(const float *grads, size_t count)
{
    size_t i = 0;
    double lanes[ADAM_LANES] = {0}, sum = 0;
    for (; i + ADAM_LANES <= count; i += ADAM_LANES)
        for (size_t lane = 0; lane < ADAM_LANES; lane++)
            lanes[lane] += (double)grads[i + lane] * (double)grads[i + lane];
    for (; i < count; i++)
        sum += (double)grads[i] * (double)grads[i];
    for (size_t lane = 0; lane < ADAM_LANES; lane++)
        sum += lanes[lane];
    return sum;
}

// m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  w -= lr m^ / (sqrt(v^) + eps)
CLONES void adam_run_step(const struct adam_rates *rates, float decay, const float *restrict grads,
                          float *restrict values, float *restrict m, float *restrict v,
                          size_t count)
{
    const struct adam_rates constants = *rates;
    for (size_t i = 0; i < count; i++) {
        float g = grads[i] * constants.clip + decay * values[i];
        float mean = constants.beta1 * m[i] + constants.one_minus_beta1 * g;
        float square = constants.beta2 * v[i] + constants.one_minus_beta2 * (g * g);
        m[i] = mean;
        v[i] = square;
        values[i] -=
            constants.step_size * mean / (sqrtf(square) * constants.root_scale + constants.epsilon);
    }
}

static void piece_range(const struct param_set *params, size_t piece, size_t *ret_begin,
                        size_t *ret_end)
{
    size_t step = params->floats / ADAM_PIECES + 1;
    size_t begin = piece * step, end = begin + step;
    *ret_begin = begin < params->floats ? begin : params->floats;
    *ret_end = end < params->floats ? end : params->floats;
}

static void square_piece(void *context, size_t piece)
{
    struct adam_job *job = context;
    size_t begin, end;
    piece_range(job->params, piece, &begin, &end);
    job->square_sums[piece] = adam_run_squares(job->grads + begin, end - begin);
}

static void update_piece(void *context, size_t piece)
{
    const struct adam_job *job = context;
    size_t piece_begin, piece_end;
    piece_range(job->params, piece, &piece_begin, &piece_end);
    for (size_t k = 0; k < job->params->count; k++) {
        const struct param_view *view = &job->params->views[k];
        size_t begin = view->offset, end = begin + view->rows * view->columns;
        begin = begin > piece_begin ? begin : piece_begin;
        end = end < piece_end ? end : piece_end;
        float decay = view->weight || job->decay_all ? job->rates.decay : 0;
        if (begin < end)
            adam_run_step(&job->rates, decay, job->grads + begin, job->values + begin,
                          job->m + begin, job->v + begin, end - begin);
    }
}

double adam_squares(const struct param_set *params, const float *grads, struct team *team)
{
    struct adam_job job = {.params = params, .grads = grads};
    team_run(team, ADAM_PIECES, square_piece, &job);
    double sum = 0;
    for (size_t piece = 0; piece < ADAM_PIECES; piece++)
        sum += job.square_sums[piece];
    return sum;
}

void adam_step(struct adam *adam, const struct adam_config *config, double lr, double squares,
               const struct param_set *params, float *values, const float *grads, struct team *team)
{
    adam->t++;
    struct adam_job job = {
        .params = params,
        .grads = grads,
        .values = values,
        .m = adam->m,
        .v = adam->v,
        .rates = adam_rates_of(config, adam->t, lr, squares),
        .decay_all = config->decay_all,
    };
    team_run(team, ADAM_PIECES, update_piece, &job);
}
