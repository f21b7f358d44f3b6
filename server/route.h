// The route table: which method and path is answered by whom. Made from routes.def; read-only.
#pragma once

#include "base/buf.h"
#include "base/status.h"

#include <stddef.h>

enum route_id {
#define ROUTE(id, ...) id,
#include "server/routes.def"
#undef ROUTE
    ROUTE_COUNT
};

enum route_plane { ROUTE_DATA, ROUTE_OBSERVE };

struct observe;
struct registry_model;
struct serve;
struct serve_call;

struct route {
    enum route_id id;
    const char *method, *path;
    enum route_plane plane;
    // Appends the body; the HTTP status follows from the code.
    enum status (*answer)(struct observe *observe, struct buf *out);
    enum status (*serve)(struct serve *serve, const struct registry_model *model,
                         const struct serve_call *call, struct buf *reply);
};

const struct route *route_at(size_t index); // index < ROUTE_COUNT

// The row for exactly this path and method; HEAD is served where GET is. STATUS_NOT_FOUND for an
// unknown path; STATUS_BAD_METHOD for a known one with another method: then *ret_route is its row.
MUST_USE enum status route_find(const char *method, const char *path,
                                const struct route **ret_route);
const char *route_allow(const struct route *route); // value of the header Allow
const char *route_content_type(const struct route *route);
