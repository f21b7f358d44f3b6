// The checkpoint loader against any bytes. The digest is set anew first, so that the fuzzer gets
// past it. Properties: a file is refused with words, or it is a consistent model: a student has
// nothing privileged, the first layer reads exactly the declared columns, and each golden row gives
// a probability inside (0, 1) or an error; and its calibration never falls where the logit rises.
#include "base/arena.h"
#include "model/checkpoint.h"
#include "model/featurise.h"
#include "model/net.h"
#include "model/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score(const struct checkpoint *checkpoint, const struct net *net, struct arena *arena)
{
    const struct schema *schema = &checkpoint->schema;
    const struct kernels *scalar = kernels_at(0);
    float *shared = arena_array(arena, schema->shared_width, sizeof(*shared));
    float *row = arena_array(arena, schema->row_width, sizeof(*row));
    float *init = arena_array(arena, net_shared_floats(net), sizeof(*init));
    void *scratch = arena_alloc(arena, net_scratch_bytes(net));
    assert(shared != NULL && row != NULL && init != NULL && scratch != NULL);
    for (size_t i = 0; i < checkpoint->golden_rows; i++) {
        float logit, pctr;
        featurise_shared(schema, scalar, checkpoint->golden_shared + i * schema->shared_width,
                         shared);
        featurise_rows(schema, scalar, checkpoint->golden_row + i * schema->row_width, 1, row);
        net_shared(net, shared, init);
        net_forward(net, init, row, 1, &logit, scratch);
        enum status code = calibrate_apply(&checkpoint->calibrate, &logit, 1, &pctr);
        assert(code == STATUS_NOT_FINITE || (code == STATUS_OK && pctr > 0 && pctr < 1));
    }
}

// By steps that are no multiples of one another, far beyond where sigmoids saturate.
static void calibration_never_falls(const struct calibrate *calibrate)
{
    double last = 0;
    for (float logit = -900; logit < 900;
         logit += 0.0137F + 0.001F * (logit < 0 ? -logit : logit)) {
        const double p = calibrate_probability(calibrate, logit);
        assert(p >= last && p > 0 && p < 1);
        last = p;
    }
}

static void use(const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    assert(checkpoint->layers[0].in == schema->shared_width + schema->row_width);
    calibration_never_falls(&checkpoint->calibrate);
    assert(checkpoint->role == CHECKPOINT_TEACHER || !schema_has_privileged(schema));
    struct net_layer layers[CHECKPOINT_MAX_LAYERS];
    for (size_t k = 0; k < checkpoint->layer_count; k++)
        layers[k] = (struct net_layer){checkpoint->layers[k].weight, checkpoint->layers[k].bias,
                                       checkpoint->layers[k].in, checkpoint->layers[k].out};
    struct net *net = NULL;
    enum status code =
        net_new(layers, checkpoint->layer_count, schema->shared_width, kernels_at(0), &net, NULL);
    assert(code == STATUS_OK);
    struct arena arena;
    size_t floats = schema->shared_width + schema->row_width + net_shared_floats(net);
    code = arena_init(&arena, floats * sizeof(float) + net_scratch_bytes(net) + 8 * ARENA_ALIGN);
    assert(code == STATUS_OK);
    score(checkpoint, net, &arena);
    arena_fini(&arena);
    net_free(net);

    struct buf text;
    buf_init(&text, 1 << 24);
    code = checkpoint_describe(checkpoint, &text);
    assert(code == STATUS_OK && text.size > 0);
    buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct file_bytes bytes = {.size = size, .mapped = size};
    bytes.data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes.data == MAP_FAILED)
        abort();
    memcpy(bytes.data, data, size);
    bool sealed = safetensors_seal(bytes.data, bytes.size);
    struct checkpoint checkpoint;
    struct diag diag = {0};
    enum status code = checkpoint_parse(&bytes, "input", &checkpoint, &diag);
    if (code == STATUS_OK) {
        assert(sealed && bytes.data == NULL);
        use(&checkpoint);
        checkpoint_fini(&checkpoint);
    } else {
        assert(code == STATUS_CORRUPT && diag.words[0] != '\0');
        assert(strcmp(diag.file, "input") == 0);
    }
    file_free(&bytes);
    return 0;
}
