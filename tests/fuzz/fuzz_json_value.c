// Property: what parses can be written, reads back as the same tree and is then written the same.
#include "proto/json_value.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool held)
{
    if (!held)
        abort();
}

static void write_tree(struct json_value *tree, unsigned indent, struct buf *out)
{
    buf_init(out, 64 << 20);
    expect(json_value_write(tree, indent, out) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_value *first, *second;
    struct diag diag = {0};
    if (json_value_parse((struct span){(const char *)data, size}, &first, &diag) != STATUS_OK) {
        expect(diag.words[0] != '\0');
        return 0;
    }
    struct buf compact, indented, again;
    write_tree(first, 0, &compact);
    write_tree(first, 2, &indented);
    expect(json_value_parse(buf_view(&indented), &second, &diag) == STATUS_OK);
    write_tree(second, 0, &again);
    expect(span_equal(buf_view(&compact), buf_view(&again)));
    buf_fini(&compact);
    buf_fini(&indented);
    buf_fini(&again);
    json_value_free(first);
    json_value_free(second);
    return 0;
}
