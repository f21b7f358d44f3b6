#include "model/train/encoding.h"

#include "base/hash64.h"
#include "model/schema_rules.h"
#include "proto/json_value.h"
#include "proto/vocab.h"

#include <stdlib.h>
#include <string.h>

static bool encoding_has(const struct schema_feature *feature)
{
    return feature->source == SCHEMA_SENT;
}

// A view of the feature without what decides nothing; nothing in it is owned.
static struct schema_feature encoding_plain(const struct schema_feature *feature)
{
    struct schema_feature plain = *feature;
    plain.transform = SCHEMA_NONE;
    plain.mean = plain.scale = plain.edges = NULL;
    plain.edge_count = 0;
    plain.columns = NULL;
    plain.quantiles = plain.quantiles > 0 ? 2 : 0;
    plain.dim = plain.dim > 0; // of its own table
    plain.pool = plain.kind == SCHEMA_ID_LIST ? SCHEMA_MEAN : SCHEMA_SUM;
    plain.target_of = NULL;
    return plain;
}

enum status encoding_of(const struct schema *schema, struct schema *ret_encoding,
                        struct diag *reterr)
{
    struct schema plain = {.features = calloc(schema->count + 1, sizeof(struct schema_feature))};
    if (plain.features == NULL)
        return diag_set(reterr, STATUS_NO_MEMORY, "out of memory");
    // In the order of groups: an attended list stands with the lists that are not.
    for (unsigned group = 0; group < 4; group++) {
        for (size_t i = 0; i < schema->count; i++) {
            const struct schema_feature feature = encoding_plain(&schema->features[i]);
            if (encoding_has(&feature) && schema_rules_group(&feature) == group)
                plain.features[plain.count++] = feature;
        }
    }
    struct buf text;
    buf_init(&text, 64 << 20);
    enum status code = plain.count == 0 ? diag_at_path(reterr, STATUS_CONFIG, "features",
                                                       "none of them is read from the data")
                                        : encoding_text(&plain, &text);
    if (code == STATUS_OK)
        code = encoding_parse(buf_view(&text), "features", ret_encoding, reterr);
    if (code == STATUS_OK)
        encoding_set_vocabs(ret_encoding, schema);
    buf_fini(&text);
    free(plain.features);
    return code;
}

enum status encoding_text(const struct schema *encoding, struct buf *out)
{
    struct json_value *features = schema_to_json(encoding);
    enum status code = json_value_write(features, 0, out);
    json_value_free(features);
    return code;
}

enum status encoding_parse(struct span text, const char *file, struct schema *ret_encoding,
                           struct diag *reterr)
{
    struct json_value *features;
    enum status code = json_value_parse(text, &features, reterr);
    if (code == STATUS_OK) {
        code = schema_from_json(features, ret_encoding, reterr);
        json_value_free(features);
    }
    if (code != STATUS_OK && reterr != NULL)
        diag_in_file(reterr, file);
    return code;
}

uint64_t encoding_vocab_hash(const struct vocab *vocab)
{
    uint64_t hash = 0;
    if (vocab == NULL)
        return 0;
    for (size_t i = 0; i < vocab_count(vocab); i++) {
        struct span id = vocab_id(vocab, i);
        hash = hash64(id.data, id.size, hash);
    }
    return hash == 0 ? 1 : hash;
}

static bool encoding_same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static const char *encoding_table_differs(const struct schema_table *a,
                                          const struct schema_table *b)
{
    if (strcmp(a->name, b->name) != 0)
        return "table";
    if (a->encode != b->encode)
        return "encode";
    if (a->buckets != b->buckets)
        return "buckets";
    if (a->encode != ROW_VOCAB || a->vocab == b->vocab)
        return NULL;
    if (a->vocab == NULL || b->vocab == NULL) // one is to be learnt
        return a->min_count == b->min_count ? NULL : "min_count";
    if (encoding_vocab_hash(a->vocab) != encoding_vocab_hash(b->vocab))
        return "vocabulary";
    return NULL;
}

// What differs, or NULL.
static const char *encoding_differs(const struct schema *have, const struct schema_feature *a,
                                    const struct schema *want, const struct schema_feature *b)
{
    if (a->kind != b->kind)
        return "kind";
    if (a->scope != b->scope || a->privileged != b->privileged)
        return "scope";
    if (a->size != b->size)
        return "size";
    if (a->has_default != b->has_default || memcmp(&a->fallback, &b->fallback, sizeof(float)) != 0)
        return "default";
    if ((a->quantiles > 0) != (b->quantiles > 0))
        return "quantiles";
    if (!encoding_same_text(a->cross_of[0], b->cross_of[0]) ||
        !encoding_same_text(a->cross_of[1], b->cross_of[1]))
        return "cross";
    if (a->kind == SCHEMA_DENSE)
        return NULL;
    return encoding_table_differs(&have->tables[a->table], &want->tables[b->table]);
}

enum status encoding_covers(const struct schema *have, const struct schema *want,
                            struct diag *reterr)
{
    for (size_t i = 0; i < want->count; i++) {
        const struct schema_feature *feature = &want->features[i];
        if (!encoding_has(feature))
            continue;
        const struct schema_feature *there = schema_find(have, feature->name);
        if (there == NULL)
            return diag_at_path(reterr, STATUS_CONFIG, feature->name,
                                "the data do not have this feature");
        const char *what = encoding_differs(have, there, want, feature);
        if (what != NULL)
            return diag_at_path(reterr, STATUS_CONFIG, feature->name,
                                "the data have this feature with another %s", what);
    }
    return STATUS_OK;
}

void encoding_set_vocabs(struct schema *to, const struct schema *from)
{
    for (size_t t = 0; t < to->table_count; t++) {
        uint32_t there = schema_find_table(from, to->tables[t].name);
        if (there != SCHEMA_NO_TABLE)
            to->tables[t].vocab = from->tables[there].vocab;
    }
}

bool encoding_is_fitted(const struct schema *encoding)
{
    for (size_t t = 0; t < encoding->table_count; t++)
        if (encoding->tables[t].encode == ROW_VOCAB && encoding->tables[t].vocab == NULL)
            return false;
    return true;
}
