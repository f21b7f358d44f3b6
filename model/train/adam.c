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
    // constants of the step, rounded once
    float beta1, beta2, one_minus_beta1, one_minus_beta2;
    float step_size;  // lr / (1 - beta1^t)
    float root_scale; // 1 / sqrt(1 - beta2^t)
    float epsilon;
    float clip; // factor of the gradient, 1: not clipped
    float decay;
    bool decay_all;
};

static void piece_range(const struct param_set *params, size_t piece, size_t *ret_begin,
                        size_t *ret_end)
{
    size_t step = params->floats / ADAM_PIECES + 1;
    size_t begin = piece * step, end = begin + step;
    *ret_begin = begin < params->floats ? begin : params->floats;
    *ret_end = end < params->floats ? end : params->floats;
}

CLONES static void square_piece(void *context, size_t piece)
{
    struct adam_job *job = context;
    size_t i, end;
    piece_range(job->params, piece, &i, &end);
    double lanes[ADAM_LANES] = {0}, sum = 0;
    for (; i + ADAM_LANES <= end; i += ADAM_LANES)
        for (size_t lane = 0; lane < ADAM_LANES; lane++)
            lanes[lane] += (double)job->grads[i + lane] * (double)job->grads[i + lane];
    for (; i < end; i++)
        sum += (double)job->grads[i] * (double)job->grads[i];
    for (size_t lane = 0; lane < ADAM_LANES; lane++)
        sum += lanes[lane];
    job->square_sums[piece] = sum;
}

// m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  w -= lr m^ / (sqrt(v^) + eps)
CLONES static void update_run(const struct adam_job *job, size_t begin, size_t end, float decay)
{
    float *restrict w = job->values, *restrict m = job->m, *restrict v = job->v;
    const float *restrict grads = job->grads;
    const struct adam_job constants = *job;
    for (size_t i = begin; i < end; i++) {
        float g = grads[i] * constants.clip + decay * w[i];
        float mean = constants.beta1 * m[i] + constants.one_minus_beta1 * g;
        float square = constants.beta2 * v[i] + constants.one_minus_beta2 * (g * g);
        m[i] = mean;
        v[i] = square;
        w[i] -=
            constants.step_size * mean / (sqrtf(square) * constants.root_scale + constants.epsilon);
    }
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
        if (begin < end)
            update_run(job, begin, end, view->weight || job->decay_all ? job->decay : 0);
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
    struct adam_job job = {
        .params = params, .grads = grads, .values = values, .m = adam->m, .v = adam->v};
    double norm = sqrt(squares);

    adam->t++;
    job.beta1 = (float)config->beta1;
    job.beta2 = (float)config->beta2;
    job.one_minus_beta1 = (float)(1 - config->beta1);
    job.one_minus_beta2 = (float)(1 - config->beta2);
    job.step_size = (float)(lr / (1 - pow(config->beta1, (double)adam->t)));
    job.root_scale = (float)(1 / sqrt(1 - pow(config->beta2, (double)adam->t)));
    job.epsilon = (float)config->epsilon;
    job.clip =
        config->clip_norm > 0 && norm > config->clip_norm ? (float)(config->clip_norm / norm) : 1;
    job.decay = (float)config->weight_decay;
    job.decay_all = config->decay_all;
    team_run(team, ADAM_PIECES, update_piece, &job);
}
