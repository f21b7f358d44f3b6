#include "model/manifest.h"

#include "base/cfg.h"
#include "model/safetensors.h"
#include "proto/json_value.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const manifest_keys[] = {"calibration", "drift", "features", "lineage",
                                            "network"};
static const char *const drift_keys[] = {"bins", "ranges"};
static const char *const network_keys[] = {"activation", "attention", "kind", "precision",
                                           "widths"};
static const char *const attention_keys[] = {"activation", "hidden", "softmax"};
static const char *const attention_activations[] = {[DIN_PRELU] = "prelu", [DIN_DICE] = "dice"};
enum { MANIFEST_KEYS = 5, DRIFT_KEYS = 2, NETWORK_KEYS = 5, ATTENTION_KEYS = 3 };

// What this version can score. Each is a text of `network` with the one value that it may have.
static const struct {
    const char *key, *value;
} network_texts[] = {{"activation", "relu"}, {"kind", "mlp"}, {"precision", "fp32"}};

// The faults of a manifest carry its path; code INVALID of json_value means a damaged file here.
static enum status as_corrupt(enum status code)
{
    return code == STATUS_INVALID ? STATUS_CORRUPT : code;
}

static MUST_USE enum status check_keys(const struct json_value *map, const char *path,
                                       const char *const *keys, size_t count, struct diag *reterr)
{
    for (size_t i = 0; i < json_value_size(map); i++) {
        const char *key = json_value_key_at(map, i);
        size_t k = 0;
        while (k < count && strcmp(key, keys[k]) != 0)
            k++;
        if (k < count)
            continue;
        const char *nearest = cfg_nearest(span_of(key), keys, count);
        return diag_at_path(reterr, STATUS_CORRUPT, path, "unknown key \"%.64s\"%s%s", key,
                            nearest != NULL ? ", the nearest known is " : "",
                            nearest != NULL ? nearest : "");
    }
    return STATUS_OK;
}

// A list of widths, at least `least` of them and at most `most`.
static MUST_USE enum status read_widths(const struct json_value *list, const char *path,
                                        size_t least, size_t most, size_t *widths,
                                        size_t *ret_count, struct diag *reterr)
{
    size_t count = json_value_size(list);
    if (count < least || count > most)
        return diag_at_path(reterr, STATUS_CORRUPT, path, "%zu widths are not in %zu..%zu", count,
                            least, most);
    for (size_t i = 0; i < count; i++) {
        const struct json_value *item = json_value_at(list, i);
        int64_t width = json_value_kind(item) == JSON_VALUE_INT ? json_value_int(item) : 0;
        if (width < 1 || width > CHECKPOINT_MAX_WIDTH)
            return diag_at_path(reterr, STATUS_CORRUPT, path,
                                "width %zu is not an integer in 1..%d", i,
                                (int)CHECKPOINT_MAX_WIDTH);
        widths[i] = (size_t)width;
    }
    *ret_count = count;
    return STATUS_OK;
}

// The MLP of DIN; a network without DIN has none.
static MUST_USE enum status read_attention(const struct json_value *network,
                                           struct checkpoint_attention *attention,
                                           struct diag *reterr)
{
    static const char path[] = "manifest.network.attention";
    const struct json_value *map = NULL, *text = NULL, *hidden = NULL, *softmax = NULL;
    if (json_value_get(network, "attention") == NULL)
        return STATUS_OK;
    TRY(json_value_need(network, "attention", JSON_VALUE_MAP, &map, reterr));
    TRY(check_keys(map, path, attention_keys, ATTENTION_KEYS, reterr));
    TRY(json_value_need(map, "activation", JSON_VALUE_TEXT, &text, reterr));
    TRY(json_value_need(map, "hidden", JSON_VALUE_LIST, &hidden, reterr));
    TRY(json_value_need(map, "softmax", JSON_VALUE_BOOL, &softmax, reterr));
    unsigned activation = DIN_PRELU;
    while (activation <= DIN_DICE &&
           !span_is(json_value_text(text), attention_activations[activation]))
        activation++;
    if (activation > DIN_DICE)
        return diag_at_path(reterr, STATUS_CORRUPT, path,
                            "activation \"%.64s\" is not prelu or dice",
                            json_value_text(text).data);
    attention->activation = (enum din_activation)activation;
    attention->softmax = json_value_bool(softmax);
    return read_widths(hidden, "manifest.network.attention.hidden", 1, DIN_MAX_LAYERS - 1,
                       attention->hidden, &attention->hidden_count, reterr);
}

static MUST_USE enum status read_network(const struct json_value *network,
                                         struct manifest *manifest, struct diag *reterr)
{
    TRY(check_keys(network, "manifest.network", network_keys, NETWORK_KEYS, reterr));
    for (size_t i = 0; i < sizeof network_texts / sizeof network_texts[0]; i++) {
        const struct json_value *text = NULL;
        TRY(json_value_need(network, network_texts[i].key, JSON_VALUE_TEXT, &text, reterr));
        if (!span_is(json_value_text(text), network_texts[i].value))
            return diag_at_path(reterr, STATUS_CORRUPT, "manifest.network",
                                "%s is \"%.64s\", known is \"%s\"", network_texts[i].key,
                                json_value_text(text).data, network_texts[i].value);
    }
    const struct json_value *widths = NULL;
    TRY(json_value_need(network, "widths", JSON_VALUE_LIST, &widths, reterr));
    size_t count = 0;
    TRY(read_widths(widths, "manifest.network.widths", 2, CHECKPOINT_MAX_LAYERS + 1,
                    manifest->widths, &count, reterr));
    manifest->layer_count = count - 1;
    return read_attention(network, &manifest->attention, reterr);
}

static MUST_USE enum status read_drift(const struct json_value *root, struct manifest *manifest,
                                       struct diag *reterr)
{
    const struct json_value *map = NULL, *bins = NULL, *ranges = NULL;
    if (json_value_get(root, "drift") == NULL)
        return STATUS_OK;
    TRY(json_value_need(root, "drift", JSON_VALUE_MAP, &map, reterr));
    TRY(check_keys(map, "manifest.drift", drift_keys, DRIFT_KEYS, reterr));
    TRY(json_value_need(map, "bins", JSON_VALUE_INT, &bins, reterr));
    TRY(json_value_need(map, "ranges", JSON_VALUE_BOOL, &ranges, reterr));
    const int64_t count = json_value_int(bins);
    if (count < 0 || count > DRIFT_BINS)
        return diag_at_path(reterr, STATUS_CORRUPT, "manifest.drift",
                            "%" PRId64 " bins are not in 0..%d", count, (int)DRIFT_BINS);
    manifest->bins = (size_t)count;
    manifest->ranges = json_value_bool(ranges);
    return STATUS_OK;
}

static MUST_USE enum status read_lineage(const struct json_value *lineage,
                                         struct manifest *manifest, struct diag *reterr)
{
    struct buf text;
    buf_init(&text, SAFETENSORS_MAX_HEADER);
    enum status code = json_value_write(lineage, 0, &text);
    manifest->lineage = buf_detach(&text);
    if (code != STATUS_OK || manifest->lineage == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for the lineage");
    return STATUS_OK;
}

static MUST_USE enum status read_root(const struct json_value *root, struct manifest *manifest,
                                      struct diag *reterr)
{
    if (json_value_kind(root) != JSON_VALUE_MAP)
        return diag_at_path(reterr, STATUS_CORRUPT, "manifest", "is not an object");
    TRY(check_keys(root, "manifest", manifest_keys, MANIFEST_KEYS, reterr));
    const struct json_value *features = NULL, *network = NULL, *calibration = NULL, *lineage = NULL;
    TRY(json_value_need(root, "features", JSON_VALUE_LIST, &features, reterr));
    TRY(json_value_need(root, "network", JSON_VALUE_MAP, &network, reterr));
    TRY(json_value_need(root, "calibration", JSON_VALUE_MAP, &calibration, reterr));
    TRY(json_value_need(root, "lineage", JSON_VALUE_MAP, &lineage, reterr));
    TRY(schema_from_json(features, &manifest->schema, reterr));
    TRY(read_network(network, manifest, reterr));
    TRY(calibrate_from_json(calibration, &manifest->calibrate, reterr));
    TRY(read_drift(root, manifest, reterr));
    return read_lineage(lineage, manifest, reterr);
}

enum status manifest_read(struct span text, struct manifest *ret_manifest, struct diag *reterr)
{
    struct json_value *root = NULL;
    struct diag inner = {0};
    enum status code = json_value_parse(text, &root, &inner);
    if (code != STATUS_OK) // a line and a column of the text inside would mislead
        return diag_at_path(reterr, as_corrupt(code), "manifest", "%s", inner.words);
    struct manifest manifest = {0};
    code = read_root(root, &manifest, reterr);
    json_value_free(root);
    if (code == STATUS_OK)
        *ret_manifest = manifest;
    else
        manifest_fini(&manifest);
    return as_corrupt(code);
}

void manifest_fini(struct manifest *manifest)
{
    schema_fini(&manifest->schema);
    free(manifest->lineage);
    *manifest = (struct manifest){0};
}

static struct json_value *network_to_json(const struct checkpoint *checkpoint)
{
    struct json_value *network = json_value_new_map();
    for (size_t i = 0; i < sizeof network_texts / sizeof network_texts[0]; i++)
        json_value_set_text(network, network_texts[i].key, network_texts[i].value);
    struct json_value *widths = json_value_new_list();
    json_value_push_int(widths, (int64_t)checkpoint->layers[0].in);
    for (size_t k = 0; k < checkpoint->layer_count; k++)
        json_value_push_int(widths, (int64_t)checkpoint->layers[k].out);
    json_value_set(network, "widths", widths);
    const struct checkpoint_attention *attention = &checkpoint->attention;
    if (attention->hidden_count == 0)
        return network;
    struct json_value *map = json_value_new_map();
    struct json_value *hidden = json_value_new_list();
    for (size_t k = 0; k < attention->hidden_count; k++)
        json_value_push_int(hidden, (int64_t)attention->hidden[k]);
    json_value_set(map, "hidden", hidden);
    json_value_set_text(map, "activation", attention_activations[attention->activation]);
    json_value_set_bool(map, "softmax", attention->softmax);
    json_value_set(network, "attention", map);
    return network;
}

static struct json_value *drift_to_json(const struct checkpoint *checkpoint)
{
    struct json_value *drift = json_value_new_map();
    json_value_set_int(drift, "bins", (int64_t)checkpoint->pctr.bins);
    json_value_set_bool(drift, "ranges", checkpoint->ranges != NULL);
    return drift;
}

enum status manifest_write(const struct checkpoint *checkpoint, struct buf *out,
                           struct diag *reterr)
{
    struct json_value *lineage = NULL;
    if (checkpoint->lineage == NULL)
        lineage = json_value_new_map();
    else
        TRY(json_value_parse(span_of(checkpoint->lineage), &lineage, reterr));
    if (lineage != NULL && json_value_kind(lineage) != JSON_VALUE_MAP) {
        json_value_free(lineage);
        return diag_set(reterr, STATUS_INVALID, "the lineage is not a JSON object");
    }
    struct json_value *root = json_value_new_map();
    json_value_set(root, "calibration", calibrate_to_json(&checkpoint->calibrate));
    if (checkpoint->ranges != NULL || checkpoint->pctr.bins > 0)
        json_value_set(root, "drift", drift_to_json(checkpoint));
    json_value_set(root, "features", schema_to_json(&checkpoint->schema));
    json_value_set(root, "lineage", lineage);
    json_value_set(root, "network", network_to_json(checkpoint));
    enum status code = json_value_write(root, 0, out);
    json_value_free(root);
    if (code != STATUS_OK)
        return diag_set(reterr, code, "the manifest cannot be written");
    return STATUS_OK;
}
