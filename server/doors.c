#include "server/doors.h"

#include "base/log.h"
#include "server/address.h"
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void doors_init(struct doors *doors)
{
    *doors = (struct doors){
        .http_fd = LISTENER_NONE,
        .admin_socket = {.fd = LISTENER_NONE},
        .admin_fd = LISTENER_NONE,
        .access_fd = LISTENER_NONE,
    };
}

enum status doors_open_log(const char *path, int *ret_fd, struct diag *reterr)
{
    if (strcmp(path, "-") != 0)
        return log_open_append(path, ret_fd, reterr);
    *ret_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return *ret_fd >= 0 ? STATUS_OK : diag_errno(reterr, "", "log.access_file");
}

static enum status open_http(const struct server_config *config, struct doors *doors,
                             struct diag *reterr)
{
    if (doors->http_fd != LISTENER_NONE) {
        doors->http_inherited = true;
        doors->http_port = listener_port(doors->http_fd);
        return STATUS_OK;
    }
    return listener_bind(config->http_listen, (uint16_t)config->http_port, "http.listen",
                         &doors->http_fd, &doors->http_port, reterr);
}

static enum status open_admin_port(const struct server_config *config, struct doors *doors,
                                   struct diag *reterr)
{
    if (config->admin_port < 0)
        return STATUS_OK;
    TRY(secret_load(config->admin_token_file, &doors->token, reterr));
    doors->has_token = true;
    return listener_bind("127.0.0.1", (uint16_t)config->admin_port, "admin.port", &doors->admin_fd,
                         &doors->admin_port, reterr);
}

enum status doors_open(const struct server_config *config, const struct privilege_ids *ids,
                       struct doors *doors, struct diag *reterr)
{
    TRY(listener_inherited(&doors->http_fd, &doors->admin_socket.fd, reterr));
    TRY(open_http(config, doors, reterr));
    if (config->admin_socket[0] != '\0' && doors->admin_socket.fd == LISTENER_NONE)
        TRY(socketfile_open(config->admin_socket, ids->uid, ids->gid, &doors->admin_socket,
                            reterr));
    TRY(open_admin_port(config, doors, reterr));
    if (config->log_file[0] != '\0')
        TRY(log_open(config->log_file, reterr));
    if (config->log_access_file[0] != '\0')
        TRY(doors_open_log(config->log_access_file, &doors->access_fd, reterr));
    return STATUS_OK;
}

enum status doors_check(const struct server_config *config, struct diag *reterr)
{
    struct privilege_ids ids;
    TRY(privilege_find(config->security_user, &ids, reterr));
    TRY(socketfile_check(config->admin_socket, reterr));
    if (config->admin_port < 0)
        return STATUS_OK;
    struct secret token;
    TRY(secret_load(config->admin_token_file, &token, reterr));
    secret_fini(&token);
    return STATUS_OK;
}

static enum status listen_on(int fd, const char *key, struct diag *reterr)
{
    if (fd == LISTENER_NONE || listen(fd, SOMAXCONN) == 0)
        return STATUS_OK;
    return diag_at_path(reterr, STATUS_IO, key, "cannot listen: %s", strerror(errno));
}

enum status doors_listen(struct doors *doors, struct diag *reterr)
{
    TRY(listen_on(doors->http_fd, "http.listen", reterr));
    return listen_on(doors->admin_fd, "admin.port", reterr);
}

bool doors_observe(const struct doors *doors, const struct server_config *config)
{
    if (config->http_observe != DOORS_OBSERVE_LOOPBACK)
        return config->http_observe == DOORS_OBSERVE_TRUE;
    struct address bound = address_of_self(doors->http_fd);
    if (address_is_loopback(&bound))
        return true;
    bool nowhere = doors->admin_socket.fd == LISTENER_NONE && doors->admin_fd == LISTENER_NONE;
    LOG_EVENT(LOG_WARN,
              nowhere ? "health and metrics are nowhere"
                      : "health and metrics are on the admin plane alone",
              LOG_S("why", "http.listen is no loopback address, and http.observe is not true"));
    return false;
}

void doors_shut(struct doors *doors)
{
    if (!doors->http_inherited)
        (void)shutdown(doors->http_fd, SHUT_RD);
    (void)shutdown(doors->admin_fd, SHUT_RD);
    if (doors->admin_socket.path[0] != '\0') // else it is inherited
        (void)shutdown(doors->admin_socket.fd, SHUT_RD);
}

static void close_fd(int *fd)
{
    if (*fd != LISTENER_NONE)
        close(*fd);
    *fd = LISTENER_NONE;
}

void doors_close(struct doors *doors)
{
    close_fd(&doors->http_fd);
    close_fd(&doors->admin_fd);
    close_fd(&doors->access_fd);
    socketfile_close(&doors->admin_socket);
    if (doors->has_token)
        secret_fini(&doors->token);
    doors->has_token = false;
}
