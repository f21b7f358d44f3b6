#include "proto/json_read.h"
#include "proto/json_text.h"
#include "proto/json_value.h"

#include <inttypes.h>
#include <string.h>

static void json_value_break(struct buf *out, unsigned indent, size_t depth)
{
    if (indent == 0)
        return;
    buf_char(out, '\n');
    for (size_t i = 0; i < depth * indent; i++)
        buf_char(out, ' ');
}

// A real keeps a sign of being one, so that it reads back as the same kind.
static void json_value_write_real(double x, struct buf *out)
{
    char text[32 + 1];
    *json_read_print_double(text, x) = '\0';
    buf_text(out, text);
    if (strpbrk(text, ".e") == NULL)
        buf_text(out, ".0");
}

static void json_value_write_scalar(const struct json_value *value, struct buf *out)
{
    switch (json_value_kind(value)) {
    case JSON_VALUE_BOOL:
        buf_text(out, json_value_bool(value) ? "true" : "false");
        break;
    case JSON_VALUE_INT:
        buf_printf(out, "%" PRId64, json_value_int(value));
        break;
    case JSON_VALUE_REAL:
        json_value_write_real(json_value_number(value), out);
        break;
    case JSON_VALUE_TEXT:
        json_text_string(out, json_value_text(value));
        break;
    default:
        buf_text(out, "null");
    }
}

// False: something could not be added when the tree was made.
static bool json_value_write_at(const struct json_value *value, unsigned indent, size_t depth,
                                struct buf *out)
{
    enum json_value_kind kind = json_value_kind(value);
    if (json_value_broken(value))
        return false;
    if (kind != JSON_VALUE_LIST && kind != JSON_VALUE_MAP) {
        json_value_write_scalar(value, out);
        return true;
    }
    bool map = kind == JSON_VALUE_MAP, whole = true;
    buf_char(out, map ? '{' : '[');
    for (size_t i = 0; whole && i < json_value_size(value); i++) {
        if (i > 0)
            buf_char(out, ',');
        json_value_break(out, indent, depth + 1);
        if (map) {
            json_text_string(out, span_of(json_value_key_at(value, i)));
            buf_text(out, indent == 0 ? ":" : ": ");
        }
        whole = json_value_write_at(json_value_at(value, i), indent, depth + 1, out);
    }
    if (json_value_size(value) > 0)
        json_value_break(out, indent, depth);
    buf_char(out, map ? '}' : ']');
    return whole;
}

enum status json_value_write(const struct json_value *root, unsigned indent, struct buf *out)
{
    if (root == NULL || !json_value_write_at(root, indent, 0, out))
        return STATUS_NO_MEMORY;
    return buf_status(out);
}
