#include "model/train/tower.h"

#include <stdlib.h>
#include <string.h>

enum status tower_init(struct tower *tower, const char *name, const struct net_train_config *config,
                       double output_bias, size_t first, struct input_train *input,
                       struct team *team, struct diag *reterr)
{
    *tower = (struct tower){.name = name,
                            .input = input,
                            .first = first,
                            .width = config->input,
                            .moves_input = config->grad_input};
    TRY(net_train_new(config, team, &tower->net, reterr));
    net_train_init(tower->net, output_bias);
    size_t floats = net_train_params(tower->net)->floats, rows = config->max_rows;
    tower->adam.m = calloc(floats, sizeof(float));
    tower->adam.v = calloc(floats, sizeof(float));
    tower->logit = calloc(rows, sizeof(float));
    tower->grad = calloc(rows, sizeof(float));
    if (config->input < input->width)
        tower->x = calloc(rows * config->input, sizeof(float));
    if (tower->adam.m == NULL || tower->adam.v == NULL || tower->logit == NULL ||
        tower->grad == NULL || (config->input < input->width && tower->x == NULL))
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory for the %s", name);
    return STATUS_OK;
}

void tower_fini(struct tower *tower)
{
    net_train_free(tower->net);
    free(tower->adam.m);
    free(tower->adam.v);
    free(tower->x);
    free(tower->logit);
    free(tower->grad);
    memset(tower, 0, sizeof(*tower));
}

void tower_forward(struct tower *tower, size_t docs, uint32_t epoch, uint32_t step)
{
    const struct input_train *input = tower->input;
    tower->docs = docs;
    for (size_t i = 0; tower->x != NULL && i < docs; i++)
        memcpy(tower->x + i * tower->width, input->x + i * input->width + tower->first,
               tower->width * sizeof(float));
    net_train_forward(tower->net, tower->x != NULL ? tower->x : input->x, docs, epoch, step,
                      tower->logit);
}

static void tower_move_input(const struct tower *tower)
{
    struct input_train *input = tower->input;
    const float *from = net_train_grad_input(tower->net);
    for (size_t i = 0; i < tower->docs; i++) {
        float *to = input->grad + i * input->width + tower->first;
        for (size_t k = 0; k < tower->width; k++)
            to[k] += tower->moves == NULL || tower->moves[k] ? from[i * tower->width + k] : 0;
    }
}

double tower_backward(struct tower *tower, struct team *team)
{
    net_train_backward(tower->net, tower->grad);
    if (tower->moves_input)
        tower_move_input(tower);
    return adam_squares(net_train_params(tower->net), net_train_grads(tower->net), team);
}

void tower_update(struct tower *tower, const struct adam_config *config, double lr, double squares,
                  struct team *team)
{
    adam_step(&tower->adam, config, lr, squares, net_train_params(tower->net),
              net_train_values(tower->net), net_train_grads(tower->net), team);
}
