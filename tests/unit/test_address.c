// server/address: what the two ends of a socket are called.
#include "server/address.h"

#include "server/listener.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct address bound_to(const char *where)
{
    int fd;
    uint16_t port;
    assert_int_equal(listener_bind(where, 0, "http.listen", &fd, &port, NULL), STATUS_OK);
    struct address address = address_of_self(fd);
    close(fd);
    return address;
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *where, *text; // text NULL: has none
        bool loopback;
    } wanted[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.1.2.3", "127.1.2.3", true},
        {"::1", "::1", true},
        {"0.0.0.0", NULL, false},
        {"::", NULL, false},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        char text[ADDRESS_TEXT];
        struct address address = bound_to(wanted[i].where);
        assert_int_equal(address_is_loopback(&address), wanted[i].loopback);
        assert_int_equal(address_text(&address, text), wanted[i].text != NULL);
        if (wanted[i].text != NULL)
            assert_string_equal(text, wanted[i].text);
    }
}

static void test_what_is_not_loopback(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.127", "2001:db8::127"};
    static const char *const forms[] = {"::ffff:192.0.2.127", "2001:db8::127"};
    for (size_t i = 0; i < 2; i++) {
        struct address address;
        char text[ADDRESS_TEXT];
        assert_int_equal(inet_pton(AF_INET6, forms[i], &address.ip), 1);
        assert_false(address_is_loopback(&address));
        assert_true(address_text(&address, text));
        assert_string_equal(text, texts[i]);
    }
}

// An IPv4 client of an IPv6 socket is the client of an IPv4 socket.
static void test_mapped_is_the_same(void **state)
{
    (void)state;
    struct address address = bound_to("127.0.0.1"), mapped, other;
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.ip), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:127.0.0.2", &other.ip), 1);
    assert_true(address_equal(&address, &mapped));
    assert_false(address_equal(&address, &other));
}

static void test_no_ip_address(void **state)
{
    (void)state;
    int fds[2];
    char text[ADDRESS_TEXT];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct address peer = address_of_peer(fds[0]), none = address_of_peer(-1);
    assert_false(address_text(&peer, text));
    assert_false(address_is_loopback(&peer));
    assert_true(address_equal(&peer, &none));
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_is_not_loopback),
        cmocka_unit_test(test_mapped_is_the_same),
        cmocka_unit_test(test_no_ip_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
