#include "server/openapi.h"

#include "base/version.h"
#include "proto/json_value.h"
#include "server/route.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

extern const char openapi_text[]; // made from server/openapi.json by CMake

static const char *plane_name(enum route_plane plane)
{
    return plane == ROUTE_DATA ? "data" : plane == ROUTE_ADMIN ? "admin" : "observability";
}

static enum status write_member(const struct json_value *map, const char *key, struct buf *out)
{
    const struct json_value *value = json_value_get(map, key);
    assert(value != NULL); // a test looks at every row
    return json_value_write(value, 0, out);
}

// The operation's object, with what the table knows in front.
static enum status write_operation(const struct json_value *operations, const struct route *route,
                                   struct buf *out)
{
    buf_char(out, '"');
    for (const char *c = route->method; *c != '\0'; c++)
        buf_char(out, (char)tolower((unsigned char)*c));
    buf_printf(out, "\":{\"operationId\":\"%s\",\"tags\":[\"%s\"],", route->operation,
               plane_name(route->plane));
    if (route->auth == ROUTE_GUARDED)
        buf_text(out, "\"security\":[{\"bearer\":[]}],");
    size_t begin = out->size;
    TRY(write_member(operations, route->operation, out));
    memmove(out->data + begin, out->data + begin + 1, out->size - begin); // its '{'
    out->size--;
    return STATUS_OK;
}

// A path has one row: no two methods share one.
static enum status write_paths(const struct json_value *operations, struct buf *out)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        buf_printf(out, "%s\"%s\":{", i == 0 ? "" : ",", route_at(i)->path);
        TRY(write_operation(operations, route_at(i), out));
        buf_char(out, '}');
    }
    return STATUS_OK;
}

static enum status write_document(const struct json_value *root, struct buf *out)
{
    buf_printf(out, "{\"openapi\":\"3.1.0\",\"info\":{\"version\":\"%s\",", version_string());
    size_t begin = out->size;
    TRY(write_member(root, "info", out));
    memmove(out->data + begin, out->data + begin + 1, out->size - begin);
    out->size--;
    buf_text(out,
             ",\"tags\":[{\"name\":\"data\"},{\"name\":\"observability\"},{\"name\":\"admin\"}],"
             "\"paths\":{");
    TRY(write_paths(json_value_get(root, "operations"), out));
    buf_text(out, "},\"components\":");
    TRY(write_member(root, "components", out));
    buf_text(out, "}\n");
    return buf_status(out) == STATUS_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status openapi_write(struct buf *out, struct diag *reterr)
{
    struct json_value *root;
    TRY(json_value_parse(span_of(openapi_text), &root, reterr));
    enum status code = write_document(root, out);
    json_value_free(root);
    return code == STATUS_OK ? code : diag_set(reterr, code, "no memory for openapi.json");
}
