#include "model/checkpoint.h"

#include "model/checkpoint_read.h"
#include "model/safetensors.h"
#include "proto/vocab.h"

#include <stdlib.h>
#include <string.h>

static const char *const formats[] = {
    [CHECKPOINT_STUDENT] = "ctr-student-1",
    [CHECKPOINT_TEACHER] = "ctr-teacher-1",
};

const char *checkpoint_format(enum checkpoint_role role)
{
    return formats[role];
}

const char *checkpoint_role_text(enum checkpoint_role role)
{
    return role == CHECKPOINT_STUDENT ? "student" : "teacher";
}

void checkpoint_attention_shape(const struct checkpoint_attention *attention, size_t dim,
                                struct din_weights *ret_din)
{
    *ret_din = (struct din_weights){.dim = dim,
                                    .layer_count = attention->hidden_count + 1,
                                    .activation = attention->activation,
                                    .softmax = attention->softmax};
    size_t in = 4 * dim;
    for (size_t k = 0; k < ret_din->layer_count; k++) {
        const size_t out = k < attention->hidden_count ? attention->hidden[k] : 1;
        ret_din->layers[k] = (struct din_layer){.in = in, .out = out};
        in = out;
    }
}

void checkpoint_fini(struct checkpoint *checkpoint)
{
    for (size_t i = 0; checkpoint->vocabs != NULL && i < checkpoint->schema.table_count; i++)
        vocab_free(checkpoint->vocabs[i]);
    free(checkpoint->vocabs);
    free(checkpoint->tables);
    free(checkpoint->din);
    free(checkpoint->ranges);
    schema_fini(&checkpoint->schema);
    free(checkpoint->lineage);
    free(checkpoint->owned);
    file_free(&checkpoint->bytes);
    *checkpoint = (struct checkpoint){0};
}

enum status checkpoint_parse(struct file_bytes *bytes, const char *name,
                             struct checkpoint *ret_checkpoint, struct diag *reterr)
{
    struct safetensors file = {0};
    struct checkpoint checkpoint = {0};
    enum status code = safetensors_parse(bytes->data, bytes->size, &file, reterr);
    if (code == STATUS_OK) {
        code = checkpoint_read(&file, &checkpoint, reterr);
        safetensors_fini(&file);
    }
    if (code != STATUS_OK) {
        checkpoint_fini(&checkpoint);
        diag_in_file(reterr, name);
        return code;
    }
    checkpoint.bytes = *bytes;
    *bytes = (struct file_bytes){0};
    *ret_checkpoint = checkpoint;
    return STATUS_OK;
}

enum status checkpoint_load(const char *path, struct checkpoint *ret_checkpoint,
                            struct diag *reterr)
{
    struct file_bytes bytes = {0};
    TRY(file_read(path, checkpoint_max_bytes, 0, &bytes, reterr));
    enum status code = checkpoint_parse(&bytes, path, ret_checkpoint, reterr);
    file_free(&bytes);
    return code;
}
