#include "server/route.h"

#include "server/observe.h"
#include "server/serve.h"

#include <assert.h>
#include <string.h>

static const struct route routes[] = {
#define ROUTE(...) {__VA_ARGS__},
#include "server/routes.def"
#undef ROUTE
};

const struct route *route_at(size_t index)
{
    assert(index < ROUTE_COUNT);
    return &routes[index];
}

enum status route_find(const char *method, const char *path, const struct route **ret_route)
{
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(path, routes[i].path) != 0)
            continue;
        *ret_route = &routes[i];
        const char *served = strcmp(method, "HEAD") == 0 ? "GET" : method;
        return strcmp(served, routes[i].method) == 0 ? STATUS_OK : STATUS_BAD_METHOD;
    }
    return STATUS_NOT_FOUND;
}

const char *route_allow(const struct route *route)
{
    return strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method;
}

const char *route_content_type(const struct route *route)
{
    return route->id == ROUTE_METRICS ? "text/plain; version=0.0.4; charset=utf-8"
                                      : "application/json";
}
