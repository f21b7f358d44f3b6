// server/conns: limits of time and number, and an end of a stream that an edge-triggered reader has
// missed is told again.
#include "server/conns.h"

#include "tests/support/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
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

static const struct conns_limits loose = {
    .max_connections = 16, .head_ms = 60000, .body_ms = 60000, .write_ms = 60000};

static struct conn *add(struct conns *conns, int fd)
{
    return conns_reserve(conns) ? conns_add(conns, fd) : NULL;
}

static void test_a_missed_end_is_told_until_it_is_seen(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct conns *conns;
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

    assert_int_equal(conns_start(&loose, &conns, NULL), STATUS_OK);
    struct conn *conn = add(conns, pair.reader);
    for (int i = 0; i < 3; i++)
        assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 0);
    conns_remove(conns, conn);
    assert_true(edges_within(&pair, 0) <= 1); // one may have been told before
    assert_int_equal(edges_within(&pair, 0), 0);
    // The other direction is as open as it was.
    assert_int_equal(write(pair.reader, "de", 2), 2);
    assert_int_equal(read(pair.writer, text, sizeof(text)), 2);
    conns_stop(conns);
    drop_pair(&pair);
}

static void test_bytes_before_the_end_can_still_be_read(void **state)
{
    (void)state;
    struct pair pair = make_pair();
    struct conns *conns;
    char text[16];
    assert_int_equal(conns_start(&loose, &conns, NULL), STATUS_OK);
    struct conn *conn = add(conns, pair.reader);
    assert_int_equal(write(pair.writer, "abcdef", 6), 6);
    assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(shutdown(pair.writer, SHUT_WR), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(edges_within(&pair, WAIT_MS), 1);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 6);
    assert_memory_equal(text, "abcdef", 6);
    conns_remove(conns, conn);
    conns_stop(conns);
    drop_pair(&pair);
}

static void test_a_client_that_is_there_is_left_alone(void **state)
{
    (void)state;
    struct pair pair = make_pair(), gone = make_pair();
    struct conns *conns;
    char text[16];
    assert_int_equal(conns_start(&loose, &conns, NULL), STATUS_OK);
    struct conn *conn = add(conns, pair.reader);
    struct conn *other = add(conns, gone.reader);
    assert_int_equal(shutdown(gone.writer, SHUT_WR), 0);
    for (int i = 0; i < 3; i++) // the watch has gone round
        assert_int_equal(edges_within(&gone, WAIT_MS), 1);
    assert_int_equal(edges_within(&pair, 0), 0);
    assert_int_equal(write(pair.writer, "xyz", 3), 3);
    assert_int_equal(read(pair.reader, text, sizeof(text)), 3);
    conns_remove(conns, conn);
    conns_remove(conns, other);
    conns_stop(conns);
    conns_stop(NULL);
    drop_pair(&pair);
    drop_pair(&gone);
}

// Waits until the peer's end has been shut down.
static bool is_cut(const struct pair *pair)
{
    char byte;
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    assert_int_equal(setsockopt(pair->writer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    return read(pair->writer, &byte, 1) == 0;
}

static void test_a_phase_that_takes_too_long_is_cut(void **state)
{
    (void)state;
    for (int phase = CONNS_HEAD; phase < CONNS_PHASES; phase++) {
        struct conns_limits limits = loose;
        struct conns *conns;
        *(phase == CONNS_HEAD   ? &limits.head_ms
          : phase == CONNS_BODY ? &limits.body_ms
                                : &limits.write_ms) = 50;
        if (phase == CONNS_WORK)
            continue; // has no limit
        struct pair slow = make_pair(), other = make_pair();
        assert_int_equal(conns_start(&limits, &conns, NULL), STATUS_OK);
        struct conn *conn = add(conns, slow.reader), *good = add(conns, other.reader);
        conns_enter(conns, conn, (enum conns_phase)phase);
        conns_enter(conns, good, CONNS_WORK);
        assert_true(is_cut(&slow));
        assert_int_equal(conns_cut(conns), 1);
        assert_int_equal(write(other.reader, "x", 1), 1); // it is as open as it was
        conns_remove(conns, conn);
        conns_remove(conns, good);
        conns_stop(conns);
        drop_pair(&slow);
        drop_pair(&other);
    }
}

enum { MOST = 16 }; // of which 2 are kept free: one in 16, and one more

static void test_the_longest_idle_makes_room(void **state)
{
    (void)state;
    struct pair pairs[MOST];
    struct conn *conns_of[MOST];
    struct conns *conns;
    assert_int_equal(conns_start(&loose, &conns, NULL), STATUS_OK);
    for (size_t i = 0; i < MOST; i++) {
        pairs[i] = make_pair();
        if (i == MOST - 1)
            poll(NULL, 0, 20); // the others are idle by now
        conns_of[i] = add(conns, pairs[i].reader);
        assert_non_null(conns_of[i]);
        if (i == 0)
            conns_enter(conns, conns_of[i], CONNS_WORK); // not idle
    }
    assert_int_equal(conns_count(conns), MOST);
    assert_int_equal(conns_cut(conns), 1); // above 14 one goes with each that comes
    assert_true(is_cut(&pairs[1]));
    assert_false(conns_reserve(conns)); // there is no place left
    for (size_t i = 0; i < MOST; i++) {
        conns_remove(conns, conns_of[i]);
        drop_pair(&pairs[i]);
    }
    assert_int_equal(conns_count(conns), 0);
    conns_stop(conns);
}

static void test_an_address_has_its_limit(void **state)
{
    (void)state;
    struct conns_limits limits = loose;
    limits.max_per_address = 2;
    struct pair a = make_pair(), b = make_pair(), c = make_pair();
    struct conns *conns;
    assert_int_equal(conns_start(&limits, &conns, NULL), STATUS_OK);
    struct conn *first = add(conns, a.reader), *second = add(conns, b.reader);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(add(conns, c.reader));
    assert_true(is_cut(&c));
    conns_remove(conns, first);
    struct pair d = make_pair();
    struct conn *third = add(conns, d.reader);
    assert_non_null(third);
    conns_remove(conns, second);
    conns_remove(conns, third);
    conns_stop(conns);
    drop_pair(&a);
    drop_pair(&b);
    drop_pair(&c);
    drop_pair(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_missed_end_is_told_until_it_is_seen),
        cmocka_unit_test(test_bytes_before_the_end_can_still_be_read),
        cmocka_unit_test(test_a_client_that_is_there_is_left_alone),
        cmocka_unit_test(test_a_phase_that_takes_too_long_is_cut),
        cmocka_unit_test(test_the_longest_idle_makes_room),
        cmocka_unit_test(test_an_address_has_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
