// make_checkpoint --role student|teacher|widened|disguised --features f:item:136:log1p --hidden
// 64,32
//                 --seed 1 [--schema features.yaml] [--attention 36,16 --dice --softmax]
//                 [--range LOW,HIGH] [--histogram]
//                 OUT: writes a checkpoint with random weights, for tests in Python.
#include "base/file.h"
#include "base/num.h"
#include "tests/support/make_checkpoint.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *schema_text; // of --schema

// The features of a configuration; their text lives as long as the program.
static MUST_USE bool read_schema(const char *path, const char **ret_yaml)
{
    struct file_bytes bytes = {0};
    if (file_read(path, 1 << 20, 0, &bytes, NULL) != STATUS_OK)
        return false;
    free(schema_text);
    *ret_yaml = schema_text = strndup((const char *)bytes.data, bytes.size);
    file_free(&bytes);
    return schema_text != NULL;
}

static MUST_USE bool read_hidden(char *text, size_t most, size_t *widths, size_t *ret_count)
{
    char *rest = NULL;
    size_t count = 0;
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        uint64_t width = 0;
        if (count == most || num_parse_u64(span_of(word), &width) != STATUS_OK || width == 0 ||
            width > CHECKPOINT_MAX_WIDTH)
            return false;
        widths[count++] = (size_t)width;
    }
    *ret_count = count;
    return true;
}

static MUST_USE bool read_range(const char *text, float range[2])
{
    const char *comma = strchr(text, ',');
    double low, high;
    if (comma == NULL || num_parse_double(span_of(comma + 1), &high) != STATUS_OK ||
        num_parse_double((struct span){text, (size_t)(comma - text)}, &low) != STATUS_OK)
        return false;
    range[0] = (float)low;
    range[1] = (float)high;
    return true;
}

static MUST_USE enum status write_it(const char *role, const char *path,
                                     struct make_checkpoint *spec, struct diag *reterr)
{
    assert(role != NULL && path != NULL);
    if (strcmp(role, "widened") == 0)
        return make_checkpoint_widened(path, spec, reterr);
    if (strcmp(role, "disguised") == 0)
        return make_checkpoint_disguised(path, spec, reterr);
    if (strcmp(role, "teacher") == 0)
        spec->role = CHECKPOINT_TEACHER;
    else if (strcmp(role, "student") != 0)
        return diag_set(reterr, STATUS_USAGE, "--role %s is not known", role);
    return make_checkpoint_file(path, spec, reterr);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"role", required_argument, NULL, 'r'},
                                            {"features", required_argument, NULL, 'f'},
                                            {"hidden", required_argument, NULL, 'h'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"schema", required_argument, NULL, 'y'},
                                            {"attention", required_argument, NULL, 'a'},
                                            {"dice", no_argument, NULL, 'd'},
                                            {"softmax", no_argument, NULL, 'm'},
                                            {"range", required_argument, NULL, 'g'},
                                            {"histogram", no_argument, NULL, 'i'},
                                            {NULL, 0, NULL, 0}};
    size_t hidden[CHECKPOINT_MAX_LAYERS] = {0};
    struct make_checkpoint spec = {.role = CHECKPOINT_STUDENT, .hidden = hidden, .seed = 1};
    float range[2];
    const char *role = "student";
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'r')
            role = optarg;
        else if (option == 'f')
            spec.features = optarg;
        else if (option == 'h')
            good = read_hidden(optarg, CHECKPOINT_MAX_LAYERS - 1, hidden, &spec.hidden_count);
        else if (option == 'y')
            good = read_schema(optarg, &spec.yaml);
        else if (option == 'a')
            good = read_hidden(optarg, DIN_MAX_LAYERS - 1, spec.attention.hidden,
                               &spec.attention.hidden_count);
        else if (option == 'd')
            spec.attention.activation = DIN_DICE;
        else if (option == 'm')
            spec.attention.softmax = true;
        else if (option == 'i')
            spec.histogram = true;
        else if (option == 'g' && read_range(optarg, range))
            spec.range = range;
        else if (option == 's')
            good = num_parse_u64(span_of(optarg), &spec.seed) == STATUS_OK;
        else
            good = false;
    }
    if (!good || optind != argc - 1) {
        fprintf(stderr, "usage: make_checkpoint [--role student|teacher|widened|disguised] "
                        "[--features NAME:SCOPE:SIZE[:log1p],...] [--hidden N,...] [--seed N] "
                        "[--schema FILE] [--attention N,... [--dice] [--softmax]] "
                        "[--range LOW,HIGH] [--histogram] OUT\n");
        return 2;
    }
    if (spec.features == NULL && spec.yaml == NULL)
        spec.features = "f:item:136:log1p";
    struct diag diag = {0};
    char text[800];
    enum status code = write_it(role, argv[optind], &spec, &diag);
    if (code != STATUS_OK)
        fprintf(stderr, "make_checkpoint: %s\n", diag_format(&diag, text, sizeof text));
    return status_exit(code);
}
