// The checkpoint loader against any bytes. The digest is set anew first, so that the fuzzer gets
// past it. Properties: a file is refused with words, or it is a consistent model: a student has
// nothing privileged, the first layer reads exactly the declared columns, and each golden row, ids
// and histories among it, gives a probability inside (0, 1) or an error; its calibration never
// falls where the logit rises; and drift can be measured by it.
#include "model/checkpoint.h"
#include "model/safetensors.h"
#include "model/scorer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score(const struct checkpoint *checkpoint)
{
    struct scorer scorer = {.checkpoint = *checkpoint, .kernels = kernels_at(0)};
    float logit[CHECKPOINT_GOLDEN_ROWS], pctr;
    enum status code = scorer_make(&scorer, NULL);
    assert(code == STATUS_OK);
    code = scorer_golden(&scorer, logit, NULL);
    assert(code == STATUS_OK);
    for (size_t i = 0; i < checkpoint->golden_rows; i++) {
        code = calibrate_apply(&checkpoint->calibrate, &logit[i], 1, &pctr);
        assert(code == STATUS_NOT_FINITE || (code == STATUS_OK && pctr > 0 && pctr < 1));
    }
    scorer_unmake(&scorer);
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

// Counts stay within the values that there are; a histogram does not differ from itself.
static void measure_drift(const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    const struct drift_histogram *pctr = &checkpoint->pctr;
    const size_t rows = checkpoint->golden_rows;
    struct drift_outside *outside = calloc(schema->count, sizeof *outside);
    if (outside == NULL)
        abort();
    if (checkpoint->ranges != NULL)
        drift_ranges(schema, checkpoint->ranges, checkpoint->golden_shared, checkpoint->golden_row,
                     rows, outside);
    for (size_t f = 0; f < schema->count; f++)
        assert(outside[f].below + outside[f].above <= rows * schema->features[f].size);
    free(outside);
    for (float p = 0; pctr->bins > 0 && p <= 1; p += 0.01F)
        assert(drift_bin(pctr, p) < pctr->bins);
    double raw = 1, corrected = 1;
    drift_psi(pctr->counts, pctr->counts, pctr->bins, &raw, &corrected);
    assert(raw == 0 && corrected == 0);
}

static void use(const struct checkpoint *checkpoint)
{
    const struct schema *schema = &checkpoint->schema;
    assert(checkpoint->layers[0].in == schema->shared_width + schema->row_width);
    calibration_never_falls(&checkpoint->calibrate);
    assert(checkpoint->role == CHECKPOINT_TEACHER || !schema_has_privileged(schema));
    score(checkpoint);
    measure_drift(checkpoint);

    struct buf text;
    buf_init(&text, 1 << 24);
    enum status code = checkpoint_describe(checkpoint, &text);
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
