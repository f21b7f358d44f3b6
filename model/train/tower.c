#include "model/train/tower.h"

#include <stdlib.h>
#include <string.h>

enum status tower_init(struct tower *tower, const char *name, const struct net_train_config *config,
                       double output_bias, size_t first, size_t row_width, struct team *team,
                       struct diag *reterr)
{
    *tower = (struct tower){.name = name, .first = first, .width = config->input};
    TRY(net_train_new(config, team, &tower->net, reterr));
    net_train_init(tower->net, output_bias);
    size_t floats = net_train_params(tower->net)->floats, rows = config->max_rows;
    tower->adam.m = calloc(floats, sizeof(float));
    tower->adam.v = calloc(floats, sizeof(float));
    tower->logit = calloc(rows, sizeof(float));
    tower->grad = calloc(rows, sizeof(float));
    if (config->input < row_width)
        tower->x = calloc(rows * config->input, sizeof(float));
    if (tower->adam.m == NULL || tower->adam.v == NULL || tower->logit == NULL ||
        tower->grad == NULL || (config->input < row_width && tower->x == NULL))
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

void tower_forward(struct tower *tower, const struct minibatch *batch, uint32_t epoch,
                   uint32_t step)
{
    size_t row_width = batch->schema->row_width;
    for (size_t i = 0; tower->x != NULL && i < batch->docs; i++)
        memcpy(tower->x + i * tower->width, batch->x + i * row_width + tower->first,
               tower->width * sizeof(float));
    net_train_forward(tower->net, tower->x != NULL ? tower->x : batch->x, batch->docs, epoch, step,
                      tower->logit);
}

double tower_backward(struct tower *tower, struct team *team)
{
    net_train_backward(tower->net, tower->grad);
    return adam_squares(net_train_params(tower->net), net_train_grads(tower->net), team);
}

void tower_update(struct tower *tower, const struct adam_config *config, double lr, double squares,
                  struct team *team)
{
    adam_step(&tower->adam, config, lr, squares, net_train_params(tower->net),
              net_train_values(tower->net), net_train_grads(tower->net), team);
}
