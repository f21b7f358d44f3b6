// The route table: which method and path is answered by whom, and who may ask. Made from
// routes.def; read-only. Dispatch, metric labels, openapi.json and the tests come from it.
#pragma once

#include "base/buf.h"
#include "base/span.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum route_id {
#define ROUTE(id, ...) id,
#include "server/routes.def"
#undef ROUTE
    ROUTE_COUNT
};

// A listener serves one or more planes: bits.
enum route_plane { ROUTE_DATA = 1, ROUTE_OBSERVE = 2, ROUTE_ADMIN = 4 };
// ROUTE_GUARDED: the listener's door must have let the caller in (http.h).
enum route_auth { ROUTE_OPEN, ROUTE_GUARDED };

struct admin;
struct observe;
struct observe_call;
struct serve;
struct serve_call;
struct slot;

struct route {
    enum route_id id;
    const char *method, *path;
    enum route_plane plane;
    enum route_auth auth;
    const char *operation; // in openapi.json
    // Exactly one of these.
    enum status (*answer)(struct observe *observe, const struct observe_call *call,
                          struct buf *reply);
    enum status (*serve)(struct serve *serve, const struct serve_call *call, struct buf *reply);
    // True: slot->reply is made. False: it will be, and the slot is woken.
    bool (*admin)(struct admin *admin, struct slot *slot);
};

const struct route *route_at(size_t index); // index < ROUTE_COUNT

// The row of one of `planes` for the path of this target and method; HEAD is served where GET is.
// STATUS_NOT_FOUND for a path that these planes do not have; STATUS_BAD_METHOD for a known one with
// another method: then *ret_route is its row. *ret_model is what stands for {model}, into `target`;
// data NULL if there is none. It is a valid name (store_name_valid), or the path is not found.
MUST_USE enum status route_find(unsigned planes, const char *method, const char *target,
                                const struct route **ret_route, struct span *ret_model);
bool route_takes_body(const struct route *route);
const char *route_allow(const struct route *route); // value of the header Allow
