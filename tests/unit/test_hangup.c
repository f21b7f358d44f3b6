// server/hangup: an end of a stream that an edge-triggered reader has missed is told again.
#include "server/hangup.h"

#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

struct pair {
    int reader, writer;
    int edges; // as the library waits: edge-triggered, without EPOLLRDHUP
};

static struct pair make_pair(void)
{
    struct pair pair;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    pair.writer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair.writer, (struct sockaddr *)&address, size), 0);
    pair.reader = accept(listener, NULL, NULL);
    assert_true(pair.reader >= 0);
    close(listener);
    pair.edges = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = pair.reader};
    assert_int_equal(epoll_ctl(pair.edges, EPOLL_CTL_ADD, pair.reader, &event), 0);
    return pair;
}

static int edges_within(const struct pair *pair, int timeout_ms)
{
    struct epoll_event event;
    return epoll_wait(pair->edges, &event, 1, timeout_ms);
}

static void drop_pair(struct pair *pair)
{
    close(pair->edges);
    close(pair->reader);
    close(pair->writer);
}

static void test_a_missed_end_is_told_until_it_is_seen(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct hangup *hangup;
    char text[16];
    assert_int_equal(write(pair.writer, "abc", 3), 3);
    assert_int_equal(shutdown(pair.writer, SHUT_WR), 0);
    // Bytes and end have arrived when the end can be polled; then one edge is all there is.
    struct epoll_event event;
    int level = epoll_create1(0);
    event = (struct epoll_event){.events = EPOLLRDHUP};
    assert_int_equal(epoll_ctl(level, EPOLL_CTL_ADD, pair.reader, &event), 0);
    assert_int_equal(epoll_wait(level, &event, 1, WAIT_MS), 1);
    close(level);
    assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 3);
    assert_int_equal(edges_within(&pair, 0), 0);

    assert_int_equal(hangup_start(&hangup, NULL), STATUS_OK);
    hangup_add(hangup, pair.reader);
    for (int i = 0; i < 3; i++)
        assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 0);
    hangup_remove(hangup, pair.reader);
    assert_true(edges_within(&pair, 0) <= 1); // one may have been told before
    assert_int_equal(edges_within(&pair, 0), 0);
    // The other direction is as open as it was.
    assert_int_equal(write(pair.reader, "de", 2), 2);
    assert_int_equal(read(pair.writer, text, sizeof(text)), 2);
    hangup_stop(hangup);
    drop_pair(&pair);
}

static void test_bytes_before_the_end_can_still_be_read(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct hangup *hangup;
    char text[16];
    assert_int_equal(hangup_start(&hangup, NULL), STATUS_OK);
    hangup_add(hangup, pair.reader);
    assert_int_equal(write(pair.writer, "abcdef", 6), 6);
    assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(shutdown(pair.writer, SHUT_WR), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 6);
    assert_memory_equal(text, "abcdef", 6);
    hangup_stop(hangup); // with a socket still there
    drop_pair(&pair);
}

static void test_a_client_that_is_there_is_left_alone(void **state)
{
    (void)state;
    struct pair pair = make_pair(), gone = make_pair();
    struct hangup *hangup;
    char text[16];
    assert_int_equal(hangup_start(&hangup, NULL), STATUS_OK);
    hangup_add(hangup, pair.reader);
    hangup_add(hangup, gone.reader);
    assert_int_equal(shutdown(gone.writer, SHUT_WR), 0);
    for (int i = 0; i < 3; i++) // the watch has gone round
        assert_int_equal(edges_within(&gone, WAIT_MS), 1);
    assert_int_equal(edges_within(&pair, 0), 0);
    assert_int_equal(write(pair.writer, "xyz", 3), 3);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 3);
    hangup_remove(hangup, pair.reader);
    hangup_remove(hangup, gone.reader);
    hangup_stop(hangup);
    hangup_stop(NULL);
    drop_pair(&pair);
    drop_pair(&gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missed_end_is_told_until_it_is_seen),
        cmocka_unit_test(test_bytes_before_the_end_can_still_be_read),
        cmocka_unit_test(test_a_client_that_is_there_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
