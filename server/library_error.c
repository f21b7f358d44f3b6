#include "server/library_error.h"

#include "server/server_metrics.h"

#include <assert.h>
#include <dlfcn.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LIBRARY_ERROR_BYTES = 512 }; // of an answer

typedef enum MHD_Result queue_fn(struct MHD_Connection *, unsigned, struct MHD_Response *);

static const struct {
    unsigned http_status; // the last: any other
    const char *body;
} errors[] = {
    {400, "{\"error\":\"the request is not HTTP as it should be, or names no host\"}"},
    {413, "{\"error\":\"the body is too large\"}"},
    {414, "{\"error\":\"the request line is too long\"}"},
    {431, "{\"error\":\"the header is too large\"}"},
    {505, "{\"error\":\"expected HTTP/1.1 or HTTP/1.0\"}"},
    {500, "{\"error\":\"internal error\"}"},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static queue_fn *library_queue;
static _Thread_local struct metric_shard *counted;

static void find_library_queue(void)
{
    void *found = dlsym(RTLD_NEXT, "MHD_queue_response");
    assert(found != NULL);
    memcpy(&library_queue, &found, sizeof(library_queue)); // C has no cast for it
}

void library_error_count(struct metric_shard *shard)
{
    counted = shard;
}

static const char *body_of(unsigned http_status)
{
    size_t at = 0;
    while (at + 1 < sizeof(errors) / sizeof(errors[0]) && errors[at].http_status != http_status)
        at++;
    return errors[at].body;
}

// True: the socket has all of it, or the connection is lost for good. False: the client has not
// read what came before, and there is no room.
static bool send_error(struct MHD_Connection *connection, unsigned http_status, const char *body)
{
    char text[LIBRARY_ERROR_BYTES], date[64] = "";
    const time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) != NULL)
        strftime(date, sizeof(date), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    int size =
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %u %s\r\n%sConnection: close\r\nContent-Type: application/json\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 http_status, MHD_get_reason_phrase_for(http_status), date, strlen(body), body);
    int socket_fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (send(socket_fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return false;
    (void)shutdown(socket_fd, SHUT_WR); // the library's page goes nowhere
    return true;
}

static enum MHD_Result queue_error(struct MHD_Connection *connection, unsigned http_status,
                                   const char *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(body), (void *)(uintptr_t)body, MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result result = library_queue(connection, http_status, response);
    MHD_destroy_response(response);
    return result;
}

// The dynamic linker finds this one before the library's, for the library too. A page of its own is
// one without any header, and ends the connection. Something is queued in any case: where that
// fails, the library frees what some of its callers go on using.
__attribute__((visibility("default"))) enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned http_status,
                   struct MHD_Response *response)
{
    pthread_once(&once, find_library_queue);
    if (http_status < 400 || MHD_get_response_headers(response, NULL, NULL) > 0)
        return library_queue(connection, http_status, response);
    const char *body = body_of(http_status);
    if (counted != NULL)
        server_metrics_answered(counted, NULL, (int)http_status);
    if (!send_error(connection, http_status, body) &&
        queue_error(connection, http_status, body) == MHD_YES)
        return MHD_YES;
    return library_queue(connection, http_status, response);
}
