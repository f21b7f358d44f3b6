// print_schema MODEL.safetensors NAME VERSION MAX_CANDIDATES: the JSON Schema of a rank body, for
// tests in Python.
#include "base/num.h"
#include "server/schema_json.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct checkpoint checkpoint;
    struct diag diag = {0};
    char words[800];
    uint64_t version = 0, most = 0;
    if (argc != 5 || num_parse_u64(span_of(argv[3]), &version) != STATUS_OK ||
        num_parse_u64(span_of(argv[4]), &most) != STATUS_OK) {
        fprintf(stderr, "usage: print_schema MODEL.safetensors NAME VERSION MAX_CANDIDATES\n");
        return 2;
    }
    enum status code = checkpoint_load(argv[1], &checkpoint, &diag);
    if (code != STATUS_OK) {
        fprintf(stderr, "print_schema: %s\n", diag_format(&diag, words, sizeof words));
        return status_exit(code);
    }
    struct buf text;
    buf_init(&text, 16 << 20);
    code = schema_json_write(&checkpoint, (size_t)most, argv[2], version, &text);
    if (code == STATUS_OK)
        puts(buf_view(&text).data);
    buf_fini(&text);
    checkpoint_fini(&checkpoint);
    return status_exit(code);
}
