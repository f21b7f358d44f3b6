#include "model/train/results_head.h"

#include "base/buf.h"
#include "model/train/experiment_claim.h"

enum { HEAD_BYTES = 4 << 20 };

static void head_set_data(const struct results_table *table, struct json_value *root)
{
    struct json_value *data = NULL;
    struct buf text;
    enum status code = STATUS_OK;
    buf_init(&text, HEAD_BYTES);
    if (table->data == NULL)
        buf_text(&text, "{}");
    else
        code = json_value_write(table->data, 0, &text);
    if (code == STATUS_OK)
        code = json_value_parse(buf_view(&text), &data, NULL);
    if (code == STATUS_OK)
        json_value_set_bool(data, "truth", results_table_has(table, RESULTS_TRUE_ERROR));
    buf_fini(&text);
    json_value_set(root, "data", data); // NULL breaks the tree
}

static void head_set_configuration(const struct experiment *experiment, struct json_value *root)
{
    struct buf text;
    buf_init(&text, HEAD_BYTES);
    experiment_claim_text(experiment, &text);
    if (buf_status(&text) == STATUS_OK)
        json_value_set_text(root, "configuration", text.data);
    else
        json_value_set(root, "configuration", NULL); // breaks the tree
    buf_fini(&text);
}

void results_head_set(const struct experiment *experiment, const struct results_table *table,
                      struct json_value *root)
{
    const struct experiment_config *config = &experiment->config;
    struct json_value *network = json_value_new_list();
    struct json_value *seeds = json_value_new_list();
    for (size_t i = 0; i < config->train.network_hidden.count; i++)
        json_value_push_int(network, config->train.network_hidden.items[i]);
    for (size_t i = 0; i < config->seeds.count; i++)
        json_value_push_int(seeds, config->seeds.items[i]);
    json_value_set_text(root, "format", "ctr-results-1");
    json_value_set_text(root, "name", config->name);
    json_value_set_text(root, "title", config->name);
    json_value_set(root, "network", network);
    json_value_set(root, "seeds", seeds);
    json_value_set_int(root, "search_seed", config->seeds.items[0]);
    json_value_set_int(root, "search_percent", config->search_percent);
    struct json_value *rank = json_value_new_map();
    json_value_set_text(rank, "key", results_table_measures[table->rank].key);
    json_value_set_text(rank, "title", results_table_measures[table->rank].title);
    json_value_set(root, "rank", rank);
    head_set_data(table, root);
    head_set_configuration(experiment, root);
}
