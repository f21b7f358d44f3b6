// What ctrd opens before it gives up its privileges: sockets, log files, the admin token.
#pragma once

#include "base/status.h"
#include "server/privilege.h"
#include "server/secret.h"
#include "server/server_config.h"
#include "server/socketfile.h"

#include <stdbool.h>
#include <stdint.h>

struct doors {
    int http_fd;         // bound; it listens from doors_listen on
    bool http_inherited; // somebody else holds the socket too, and it listens already
    uint16_t http_port;
    struct socketfile admin_socket; // fd LISTENER_NONE: there is none
    int admin_fd;                   // of admin.port; LISTENER_NONE: there is none
    uint16_t admin_port;
    struct secret token;
    bool has_token;
    int access_fd; // of log.access_file; LISTENER_NONE: there is none
};

// In the order of the choices of http.observe.
enum doors_observe { DOORS_OBSERVE_LOOPBACK, DOORS_OBSERVE_TRUE, DOORS_OBSERVE_FALSE };

void doors_init(struct doors *doors);
// Sockets come from who started the process (LISTEN_FDS, "http" and "admin"), or are bound here.
// The admin socket's file is of `ids`. STATUS_CONFIG, STATUS_IO, each with the option's key.
MUST_USE enum status doors_open(const struct server_config *config, const struct privilege_ids *ids,
                                struct doors *doors, struct diag *reterr);
// Whether doors_open would find what the configuration names, as far as that can be told without
// opening it: the user, the place of the socket, the token. STATUS_CONFIG.
MUST_USE enum status doors_check(const struct server_config *config, struct diag *reterr);
// Clients may come. Before that, a connection is refused by the kernel.
MUST_USE enum status doors_listen(struct doors *doors, struct diag *reterr);
// Whether health and metrics are for anybody who reaches http.listen.
bool doors_observe(const struct doors *doors, const struct server_config *config);
// No client may come any more: nobody accepts, and the kernel refuses who tries, but for sockets
// that somebody else has too.
void doors_shut(struct doors *doors);
void doors_close(struct doors *doors); // removes the file of the admin socket

// A file that is appended to; "-": stdout. The caller closes.
MUST_USE enum status doors_open_log(const char *path, int *ret_fd, struct diag *reterr);
