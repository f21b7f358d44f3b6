// Tables, vocabularies, edges and DIN in a file. Oracle: design 7 and 8, by hand; files are honest
// ones whose tensors or manifest are changed and which are written again.
#include "model/checkpoint.h"

#include "model/safetensors.h"
#include "proto/vocab.h"
#include "tests/support/check.h"
#include "tests/support/make_checkpoint_kinds.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t hidden[] = {6};
static const struct make_checkpoint teacher = {
    .role = CHECKPOINT_TEACHER,
    .yaml = MAKE_CHECKPOINT_KINDS MAKE_CHECKPOINT_PAGE,
    .hidden = hidden,
    .hidden_count = 1,
    .seed = 3,
    .attention = {.hidden_count = 2, .hidden = {5, 4}, .activation = DIN_DICE, .softmax = true},
};

// ---- round trip

static void same_tables(const struct checkpoint *a, const struct checkpoint *b)
{
    assert_int_equal(a->schema.table_count, b->schema.table_count);
    for (size_t i = 0; i < a->schema.table_count; i++) {
        const struct schema_table *x = &a->schema.tables[i], *y = &b->schema.tables[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->rows, y->rows);
        assert_int_equal(x->dim, y->dim);
        assert_memory_equal(a->tables[i], b->tables[i], x->rows * x->dim * sizeof(float));
        assert_int_equal(x->vocab == NULL, y->vocab == NULL);
        for (size_t k = 0; x->vocab != NULL && k < vocab_count(x->vocab); k++)
            assert_true(span_equal(vocab_id(x->vocab, k), vocab_id(y->vocab, k)));
    }
}

static void same_din(const struct din_weights *a, const struct din_weights *b)
{
    const size_t first = a->layers[0].out * a->dim * sizeof(float);
    assert_int_equal(a->dim, b->dim);
    assert_int_equal(a->layer_count, b->layer_count);
    assert_int_equal(a->activation, b->activation);
    assert_int_equal(a->softmax, b->softmax);
    assert_memory_equal(a->a, b->a, first);
    assert_memory_equal(a->b, b->b, first);
    assert_memory_equal(a->c, b->c, first);
    for (size_t k = 0; k < a->layer_count; k++) {
        const struct din_layer *x = &a->layers[k], *y = &b->layers[k];
        assert_true(x->in == y->in && x->out == y->out);
        if (k > 0)
            assert_memory_equal(x->weight, y->weight, x->in * x->out * sizeof(float));
        assert_memory_equal(x->bias, y->bias, x->out * sizeof(float));
        if (k + 1 == a->layer_count)
            continue;
        assert_memory_equal(x->kappa, y->kappa, x->out * sizeof(float));
        if (a->activation != DIN_DICE)
            continue;
        assert_memory_equal(x->mean, y->mean, x->out * sizeof(float));
        assert_memory_equal(x->var, y->var, x->out * sizeof(float));
    }
}

static void round_trip(const struct make_checkpoint *spec, void *const *state)
{
    char path[128], twin[128];
    struct checkpoint made, read;
    struct file_bytes first, second;
    struct diag diag = {0};
    scratch_path(*state, "a", path);
    scratch_path(*state, "b", twin);
    if (make_checkpoint(spec, &made, &diag) != STATUS_OK)
        fail_msg("%s: %s", diag.path, diag.words);
    assert_int_equal(checkpoint_write(path, &made, NULL), STATUS_OK);
    if (checkpoint_load(path, &read, &diag) != STATUS_OK)
        fail_msg("%s: %s", diag.path, diag.words);
    same_tables(&made, &read);
    assert_int_equal(read.din_count, 2);
    for (size_t i = 0; i < 2; i++)
        same_din(&made.din[i], &read.din[i]);
    const struct schema *schema = &made.schema;
    assert_memory_equal(read.golden_shared, made.golden_shared,
                        8 * schema->shared_cells * sizeof(union row_cell));
    assert_memory_equal(read.golden_row, made.golden_row,
                        8 * schema->row_cells * sizeof(union row_cell));
    const struct schema_feature *age = schema_find(&read.schema, "age");
    assert_int_equal(age->edge_count, 3);
    assert_memory_equal(age->edges, schema_find(schema, "age")->edges, 3 * sizeof(float));
    const struct schema_feature *price = schema_find(&read.schema, "price");
    assert_true(price->mean[1] == 0.5F && price->scale[1] == 2);

    // What was read writes back to the same bytes.
    assert_int_equal(checkpoint_write(twin, &read, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &first, NULL), STATUS_OK);
    assert_int_equal(file_read(twin, 1 << 20, 0, &second, NULL), STATUS_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    file_free(&first);
    file_free(&second);
    checkpoint_fini(&made);
    checkpoint_fini(&read);
}

static void what_was_written_is_read(void **state)
{
    struct make_checkpoint spec = teacher;
    round_trip(&spec, state);
    spec.role = CHECKPOINT_STUDENT;
    spec.yaml = MAKE_CHECKPOINT_KINDS;
    round_trip(&spec, state);
    spec.attention = (struct checkpoint_attention){1, {3}, DIN_PRELU, false};
    round_trip(&spec, state);
}

static void a_student_of_what_was_read(void **state)
{
    char path[128];
    struct checkpoint read;
    struct schema student;
    scratch_path(*state, "a", path);
    assert_int_equal(make_checkpoint_file(path, &teacher, NULL), STATUS_OK);
    assert_int_equal(checkpoint_load(path, &read, NULL), STATUS_OK);
    assert_int_equal(schema_student(&read.schema, &student, NULL), STATUS_OK);
    const struct schema_feature *from = schema_find(&read.schema, "age");
    const struct schema_feature *to = schema_find(&student, "age");
    assert_int_equal(to->edge_count, from->edge_count);
    assert_memory_equal(to->edges, from->edges, from->edge_count * sizeof(float));
    assert_null(schema_find(&student, "others"));
    schema_fini(&student);
    checkpoint_fini(&read);
}

static void is_described(void **state)
{
    (void)state;
    struct checkpoint made;
    struct buf text;
    buf_init(&text, 1 << 16);
    assert_int_equal(make_checkpoint(&teacher, &made, NULL), STATUS_OK);
    assert_int_equal(checkpoint_describe(&made, &text), STATUS_OK);
    assert_non_null(strstr(text.data, "at most 4 ids, din with item_id, table item_id of 10 x 3"));
    assert_non_null(strstr(text.data, "number in 4 buckets, table age of 5 x 2"));
    assert_non_null(strstr(text.data, "cross of user_id and item_id, table pair of 8 x 2"));
    assert_non_null(strstr(text.data, "made from the page (loo_mean), privileged"));
    buf_fini(&text);
    checkpoint_fini(&made);
}

// ---- refusals

enum { TENSORS = 96 };

struct parts {
    const void *state;
    struct file_bytes bytes;
    struct safetensors file;
    struct safetensors_tensor tensors[TENSORS];
    size_t count;
    char manifest[8000];
};

static void take_apart(struct parts *parts, const struct make_checkpoint *spec, const void *state)
{
    char path[128];
    *parts = (struct parts){.state = state};
    scratch_path(state, "whole", path);
    assert_int_equal(make_checkpoint_file(path, spec, NULL), STATUS_OK);
    assert_int_equal(file_read(path, 1 << 20, 0, &parts->bytes, NULL), STATUS_OK);
    assert_int_equal(safetensors_parse(parts->bytes.data, parts->bytes.size, &parts->file, NULL),
                     STATUS_OK);
    assert_in_range(parts->file.count, 1, TENSORS - 1);
    parts->count = parts->file.count;
    memcpy(parts->tensors, parts->file.tensors, parts->count * sizeof(parts->tensors[0]));
    snprintf(parts->manifest, sizeof(parts->manifest), "%s",
             safetensors_note(&parts->file, "manifest"));
    assert_in_range(strlen(parts->manifest), 1, sizeof(parts->manifest) - 100);
}

static struct safetensors_tensor *tensor(struct parts *parts, const char *name)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(parts->tensors[i].name, name) == 0)
            return &parts->tensors[i];
    fail_msg("there is no tensor %s", name);
    return NULL;
}

// Its numbers, in the memory of the file.
static void *numbers(struct parts *parts, const char *name)
{
    const unsigned char *data = tensor(parts, name)->data;
    return parts->bytes.data + (data - parts->bytes.data);
}

static void drop_tensor(struct parts *parts, const char *name)
{
    struct safetensors_tensor *at = tensor(parts, name);
    *at = parts->tensors[--parts->count];
}

static void replace(struct parts *parts, const char *from, const char *to)
{
    char *at = strstr(parts->manifest, from);
    if (at == NULL) {
        fail_msg("%s is not in the manifest", from);
        return;
    }
    assert_true(strlen(parts->manifest) + strlen(to) < sizeof(parts->manifest));
    memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
    memcpy(at, to, strlen(to));
}

// Writes the parts, reads them, and lets them go. words NULL: they are good.
static void refused(struct parts *parts, const char *words)
{
    const struct safetensors_note notes[] = {{"format", safetensors_note(&parts->file, "format")},
                                             {"manifest", parts->manifest}};
    char path[128], text[800];
    struct checkpoint read;
    struct diag diag = {0};
    scratch_path(parts->state, "changed", path);
    assert_int_equal(safetensors_write(path, parts->tensors, parts->count, notes, 2, NULL),
                     STATUS_OK);
    enum status code = checkpoint_load(path, &read, &diag);
    diag_format(&diag, text, sizeof(text));
    if (words == NULL && code != STATUS_OK)
        fail_msg("refused: %s", text);
    if (words != NULL && (code != STATUS_CORRUPT || strstr(text, words) == NULL))
        fail_msg("wanted \"%s\", got %s: %s", words, status_label(code), text);
    if (code == STATUS_OK)
        checkpoint_fini(&read);
    safetensors_fini(&parts->file);
    file_free(&parts->bytes);
}

static void put_float(const void *state, const char *name, size_t at, float value,
                      const char *words)
{
    struct parts parts;
    take_apart(&parts, &teacher, state);
    ((float *)numbers(&parts, name))[at] = value;
    refused(&parts, words);
}

static void put_id(const void *state, const char *name, size_t at, uint32_t id, const char *words)
{
    struct parts parts;
    take_apart(&parts, &teacher, state);
    ((uint32_t *)numbers(&parts, name))[at] = id;
    refused(&parts, words);
}

static void cells_out_of_range(void **state)
{
    put_id(*state, "golden.input.item_id", 0, 9, NULL);
    put_id(*state, "golden.input.item_id", 0, 10,
           "golden.input.item_id: value 0 is no row of table \"item_id\"");
    put_id(*state, "golden.input.user_id", 7, UINT32_MAX,
           "golden.input.user_id: value 0 is no row of table \"user_id\"");
    put_id(*state, "golden.input.history", 3, 10,
           "golden.input.history: value 3 is no row of table \"item_id\"");
    put_id(*state, "golden.input.words", 5, 5,
           "golden.input.words: value 2 is no row of table \"brand\"");
    put_id(*state, "golden.input.pair", 1, 8, "golden.input.pair: value 0 is no row of table");
    put_id(*state, "golden.input.hour", 1, 5, "golden.input.hour: value 0 is no row of table");
    put_id(*state, "golden.input.place", 1, 4, "golden.input.place: value 0 is no row of table");
    put_float(*state, "golden.input.age", 2, NAN, NULL); // missing
    put_float(*state, "golden.input.age", 2, INFINITY, "golden.input.age: value 0 is not finite");
    put_float(*state, "golden.input.f", 4, NAN, "golden.input.f: value 1 is not finite");
}

static void numbers_of_tables(void **state)
{
    put_float(*state, "emb.item_id", 2, 1e-30F, "emb.item_id: row 0, which stands for no id");
    put_float(*state, "emb.brands", 0, -1, "emb.brands: row 0");
    put_float(*state, "emb.item_id", 3, 1e30F, NULL);
    put_float(*state, "emb.item_id", 29, INFINITY, "emb.item_id: value 29 is not finite");
    put_float(*state, "emb.age", 1, NAN, "emb.age: value 1 is not finite");
    struct parts parts;
    take_apart(&parts, &teacher, *state);
    drop_tensor(&parts, "emb.brand");
    refused(&parts, "emb.brand: the tensor is missing");
    take_apart(&parts, &teacher, *state);
    tensor(&parts, "emb.user_id")->shape[0]--;
    refused(&parts, "emb.user_id: expected F32 (7,2), got F32 (6,2)");
    take_apart(&parts, &teacher, *state);
    tensor(&parts, "golden.input.item_id")->dtype = SAFETENSORS_F32;
    refused(&parts, "golden.input.item_id: expected U32 (8,1), got F32 (8,1)");
    take_apart(&parts, &teacher, *state);
    parts.tensors[parts.count] = *tensor(&parts, "emb.user_id");
    parts.tensors[parts.count++].name = "emb.others"; // which has that of item_id
    refused(&parts, "emb.others: a teacher has no such tensor");
}

static void put_offset(const void *state, size_t at, uint64_t value, const char *words)
{
    struct parts parts;
    take_apart(&parts, &teacher, state);
    ((uint64_t *)numbers(&parts, "vocab.brand.offsets"))[at] = value;
    refused(&parts, words);
}

static void vocabularies(void **state)
{
    put_offset(*state, 0, 1, "vocab.brand.offsets: the vocabulary's offsets do not fit");
    put_offset(*state, 3, 13, "vocab.brand.offsets: the vocabulary's offsets do not fit");
    put_offset(*state, 3, UINT64_MAX, "vocab.brand.offsets: the vocabulary's offsets do not fit");
    put_offset(*state, 1, 10, "vocab.brand.offsets: the vocabulary's offsets do not ascend");
    put_offset(*state, 2, UINT64_MAX,
               "vocab.brand.offsets: the vocabulary's offsets do not ascend");
    put_offset(*state, 1, 9, "vocab.brand.offsets"); // an empty id
    struct parts parts;
    take_apart(&parts, &teacher, *state);
    ((uint64_t *)numbers(&parts, "vocab.brand.offsets"))[1] = 4;
    memcpy(numbers(&parts, "vocab.brand.bytes"), "pearxpearfig", 12);
    refused(&parts, NULL); // pear, xpear, fig
    take_apart(&parts, &teacher, *state);
    ((uint64_t *)numbers(&parts, "vocab.brand.offsets"))[1] = 3;
    ((uint64_t *)numbers(&parts, "vocab.brand.offsets"))[2] = 6;
    memcpy(numbers(&parts, "vocab.brand.bytes"), "figpepfig   ", 12);
    ((uint64_t *)numbers(&parts, "vocab.brand.offsets"))[3] = 9;
    tensor(&parts, "vocab.brand.bytes")->shape[0] = 9;
    refused(&parts, "vocab.brand.offsets"); // fig twice
    take_apart(&parts, &teacher, *state);
    drop_tensor(&parts, "vocab.brand.bytes");
    refused(&parts, "vocab.brand.bytes: the tensor is missing");
    take_apart(&parts, &teacher, *state);
    tensor(&parts, "vocab.brand.offsets")->shape[0] = 1; // of no id
    refused(&parts, "vocab.brand.offsets: the vocabulary's offsets do not fit");
    // The mean of the others has no vocabulary of its own.
    take_apart(&parts, &teacher, *state);
    parts.tensors[parts.count] = *tensor(&parts, "vocab.brand.bytes");
    parts.tensors[parts.count++].name = "vocab.brands.bytes";
    refused(&parts, "vocab.brands.bytes: a teacher has no such tensor");
}

static void edges_of_buckets(void **state)
{
    put_float(*state, "bucket.age", 1, -2, "bucket.age: is not less than 5 finite, ascending");
    put_float(*state, "bucket.age", 1, -1, "bucket.age: is not less than 5 finite, ascending");
    put_float(*state, "bucket.age", 2, INFINITY, "bucket.age: is not less than 5 finite");
    put_float(*state, "bucket.age", 0, NAN, "bucket.age: is not less than 5 finite");
    put_float(*state, "bucket.age", 2, 1e6F, NULL);
    struct parts parts;
    take_apart(&parts, &teacher, *state);
    replace(&parts, "\"quantiles\":5", "\"quantiles\":3");
    refused(&parts, "bucket.age: is not less than 3 finite");
    take_apart(&parts, &teacher, *state);
    tensor(&parts, "bucket.age")->shape[0] = 2;
    refused(&parts, "emb.age: expected F32 (4,2), got F32 (5,2)");
    take_apart(&parts, &teacher, *state);
    drop_tensor(&parts, "bucket.age");
    refused(&parts, "bucket.age: the tensor is missing");
}

static void attention(void **state)
{
    static const char *const needed[] = {
        "din.history.a",       "din.history.b",     "din.history.c",      "din.history.bias",
        "din.history.0.kappa", "din.history.0.var", "din.history.0.mean", "din.recent.1.weight",
        "din.recent.1.bias",   "din.recent.c",      "din.recent.1.kappa", "din.recent.2.weight",
        "din.recent.2.bias",
    };
    struct parts parts;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        char words[100];
        snprintf(words, sizeof(words), "%s: the tensor is missing", needed[i]);
        take_apart(&parts, &teacher, *state);
        drop_tensor(&parts, needed[i]);
        refused(&parts, words);
        snprintf(words, sizeof(words), "%s: value 0 is not finite", needed[i]);
        put_float(*state, needed[i], 0, NAN, words);
    }
    put_float(*state, "din.history.1.var", 3, -1e-9F, "din.history.1.var: value 3 is below 0");
    take_apart(&parts, &teacher, *state);
    parts.tensors[parts.count] = *tensor(&parts, "din.history.0.kappa");
    parts.tensors[parts.count++].name = "din.history.2.kappa"; // the last layer is linear
    refused(&parts, "din.history.2.kappa: a teacher has no such tensor");
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"hidden\":[5,4]", "\"hidden\":[5,3]", "din.history.1.weight: expected F32 (3,5)"},
        {"\"hidden\":[5,4]", "\"hidden\":[5]", "din.history.1.weight: expected F32 (1,5)"},
        {"\"hidden\":[5,4]", "\"hidden\":[]", "attention.hidden: 0 widths are not in 1..7"},
        {"\"hidden\":[5,4]", "\"hidden\":[5,4,1,1,1,1,1,1]", "8 widths are not in 1..7"},
        {"\"hidden\":[5,4]", "\"hidden\":[5,0]", "width 1 is not an integer in 1.."},
        {"\"hidden\":[5,4]", "\"hidden\":5", "hidden: expected a list, got an integer"},
        {"\"dice\"", "\"prelu\"", "din.history.0.mean: a teacher has no such tensor"},
        {"\"dice\"", "\"gelu\"", "network.attention: activation \"gelu\" is not prelu or dice"},
        {"\"softmax\":true", "\"softmax\":1", "softmax: expected"},
        {"\"softmax\":true", "\"softmax\":true,\"heads\":2", "unknown key \"heads\""},
        {"\"attention\"", "\"attent\"", "unknown key \"attent\""},
        {"\"target\":\"item_id\"", "\"target\":\"brand\"", "do not share a table"},
        {"\"target\":\"item_id\"", "\"target\":\"nix\"", "target \"nix\" is no feature"},
        {"\"pool\":\"sum\"", "\"pool\":\"din\"", "\"bought\" has no target"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        take_apart(&parts, &teacher, *state);
        replace(&parts, cases[i].from, cases[i].to);
        refused(&parts, cases[i].words);
    }
}

static void attention_of_nothing(void **state)
{
    struct make_checkpoint plain = teacher;
    struct parts parts;
    plain.yaml = "- {name: i, scope: item, kind: id, buckets: 3, dim: 2}\n";
    take_apart(&parts, &plain, *state);
    replace(
        &parts, "\"network\":{",
        "\"network\":{\"attention\":{\"activation\":\"dice\",\"hidden\":[2],\"softmax\":true},");
    refused(&parts, "0 features of pool din, and an attention of 1 hidden layers");
    take_apart(&parts, &teacher, *state);
    char *from = strstr(parts.manifest, "\"attention\":{"), *to = strchr(from, '}') + 2;
    memmove(from, to, strlen(to) + 1);
    refused(&parts, "2 features of pool din, and an attention of 0 hidden layers");
}

static void a_student_with_a_page(void **state)
{
    struct make_checkpoint spec = teacher;
    char path[128];
    struct diag diag = {0};
    spec.role = CHECKPOINT_STUDENT;
    scratch_path(*state, "never", path);
    assert_int_equal(make_checkpoint_file(path, &spec, &diag), STATUS_CORRUPT);
    assert_string_equal(diag.words, "a student has the privileged feature \"others\"");
}

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_student_of_what_was_read),
        cmocka_unit_test(is_described),
        cmocka_unit_test(cells_out_of_range),
        cmocka_unit_test(numbers_of_tables),
        cmocka_unit_test(vocabularies),
        cmocka_unit_test(edges_of_buckets),
        cmocka_unit_test(attention),
        cmocka_unit_test(attention_of_nothing),
        cmocka_unit_test(a_student_with_a_page),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
