#include "model/train/net_train_check.h"

enum { MAX_WIDTH = 1 << 20 };

enum status net_train_check(const struct net_train_config *config, struct diag *reterr)
{
    if (config->input == 0 || config->input > MAX_WIDTH)
        return diag_set(reterr, STATUS_CONFIG, "%zu inputs: 1 to %d", config->input, MAX_WIDTH);
    if (config->max_rows < 2 || config->max_rows > UINT32_MAX)
        return diag_set(reterr, STATUS_CONFIG, "%zu rows of a minibatch: 2 to 2^32 - 1",
                        config->max_rows);
    if (config->hidden_count > NET_TRAIN_MAX_HIDDEN)
        return diag_set(reterr, STATUS_CONFIG, "%zu hidden layers: at most %d",
                        config->hidden_count, NET_TRAIN_MAX_HIDDEN);
    for (size_t k = 0; k < config->hidden_count; k++)
        if (config->hidden[k] == 0 || config->hidden[k] > MAX_WIDTH)
            return diag_set(reterr, STATUS_CONFIG, "hidden layer %zu has %zu units: 1 to %d", k,
                            config->hidden[k], MAX_WIDTH);
    if (!(config->dropout >= 0 && config->dropout < 1))
        return diag_set(reterr, STATUS_CONFIG, "dropout %g: at least 0, less than 1",
                        config->dropout);
    if (config->shards == 0 || config->shards > config->max_rows)
        return diag_set(reterr, STATUS_CONFIG, "%zu shards: at least 1, at most a row each",
                        config->shards);
    return STATUS_OK;
}
