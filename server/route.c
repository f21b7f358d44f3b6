#include "server/route.h"

#include "model/store.h"
#include "server/admin.h"
#include "server/observe.h"
#include "server/serve.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct route routes[] = {
#define ROUTE(...) {__VA_ARGS__},
#include "server/routes.def"
#undef ROUTE
};

static const char route_model[] = "{model}";

const struct route *route_at(size_t index)
{
    assert(index < ROUTE_COUNT);
    return &routes[index];
}

// Does `path` read like the template? Its model is set in either case.
static bool matches(const char *template, const char *path, struct span *ret_model)
{
    *ret_model = (struct span){NULL, 0};
    const char *mark = strstr(template, route_model);
    if (mark == NULL)
        return strcmp(template, path) == 0;
    size_t before = (size_t)(mark - template);
    if (strncmp(template, path, before) != 0)
        return false;
    const char *name = path + before;
    *ret_model = (struct span){name, strcspn(name, "/")};
    return strcmp(name + ret_model->size, mark + strlen(route_model)) == 0 &&
           store_name_valid(*ret_model);
}

// Of "http://host/path", which a server must take too (RFC 9112 3.2.2).
static const char *path_of(const char *target)
{
    static const char scheme[] = "http://";
    if (strncasecmp(target, scheme, sizeof(scheme) - 1) != 0)
        return target;
    const char *path = strchr(target + sizeof(scheme) - 1, '/');
    return path != NULL ? path : "/";
}

enum status route_find(unsigned planes, const char *method, const char *target,
                       const struct route **ret_route, struct span *ret_model)
{
    const char *path = path_of(target);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if ((planes & (unsigned)routes[i].plane) == 0 || !matches(routes[i].path, path, ret_model))
            continue;
        *ret_route = &routes[i];
        const char *served = strcmp(method, "HEAD") == 0 ? "GET" : method;
        return strcmp(served, routes[i].method) == 0 ? STATUS_OK : STATUS_BAD_METHOD;
    }
    *ret_model = (struct span){NULL, 0};
    return STATUS_NOT_FOUND;
}

bool route_takes_body(const struct route *route)
{
    return strcmp(route->method, "POST") == 0;
}

const char *route_allow(const struct route *route)
{
    return route_takes_body(route) ? route->method : "GET, HEAD";
}
