// server/server_config: every row of the table, without naming one; then what rows cannot say.
#include "server/server_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const folder_set[] = {"model.folder=models/demo"};

static enum status load_sets(const char *const *sets, size_t count, struct server_config *config,
                             struct diag *diag)
{
    const struct cfg_sources sources = {.sets = sets, .set_count = count};
    return server_config_load(&sources, config, diag);
}

static void dump(const struct server_config *config, struct buf *text)
{
    buf_init(text, 1 << 16);
    cfg_dump(server_config_table(), config, text);
    assert_int_equal(buf_status(text), STATUS_OK);
}

static void write_temporary(char *path, const struct buf *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->data, text->size), (ssize_t)text->size);
    close(fd);
}

static void test_defaults_dump_and_load_to_the_same(void **state)
{
    (void)state;
    struct server_config first, second;
    struct diag diag = {0};
    struct buf text, again;
    assert_int_equal(load_sets(folder_set, 1, &first, &diag), STATUS_OK);
    dump(&first, &text);
    char path[] = "/tmp/test_server_config.XXXXXX";
    write_temporary(path, &text);
    const struct cfg_sources sources = {.file = path};
    assert_int_equal(server_config_load(&sources, &second, &diag), STATUS_OK);
    dump(&second, &again);
    assert_string_equal(text.data, again.data);
    unlink(path);
    buf_fini(&text);
    buf_fini(&again);
    server_config_fini(&first);
    server_config_fini(&second);
}

// A value other than the default, for any row.
static const char *other_value(const struct cfg_option *option, char *text, size_t size)
{
    if (option->kind == CFG_CHOICE)
        return strrchr(option->choices, '|') + 1;
    if (option->kind == CFG_I64)
        snprintf(text, size, "%lld", (long long)option->min + 1);
    else if (option->kind == CFG_BOOL)
        snprintf(text, size, "%s", strcmp(option->fallback, "true") == 0 ? "false" : "true");
    else if (option->kind == CFG_TREE)
        snprintf(text, size, "[{folder: other}]");
    else
        snprintf(text, size, "%s", strcmp(option->key, "http.listen") == 0 ? "127.0.0.2" : "other");
    return text;
}

// Each row by itself: set, seen in the dump; and by its environment variable to the same effect.
static void test_every_row_can_be_set_and_is_documented(void **state)
{
    (void)state;
    const struct cfg_table *table = server_config_table();
    struct buf help, manual;
    buf_init(&help, 1 << 16);
    buf_init(&manual, 1 << 16);
    cfg_help(table, &help);
    cfg_markdown(table, &manual);
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        char value[64], set[128], variable[128];
        int prefix = snprintf(variable, sizeof(variable), "%s%s=", table->env_prefix, option->key);
        for (int c = (int)strlen(table->env_prefix); c < prefix - 1; c++)
            variable[c] = variable[c] == '.'
                              ? '_'
                              : (char)(variable[c] >= 'a' ? variable[c] - 32 : variable[c]);
        const char *other = other_value(option, value, sizeof(value));
        snprintf(set, sizeof(set), "%s=%s", option->key, other);
        snprintf(variable + prefix, sizeof(variable) - (size_t)prefix, "%s", other);
        // A list of models stands for the folder, the admin port needs its token, and bodies are no
        // longer than what may be held.
        bool is_list = strcmp(option->key, "models") == 0;
        const char *sets[] = {is_list ? "http.port=8080" : folder_set[0], "admin.token_file=other",
                              "http.max_body_bytes=1024", set};
        char *environment[] = {variable, NULL};
        struct server_config by_default, by_set, by_environment;
        struct diag diag = {0};
        const struct cfg_sources sources = {
            .environment = environment, .sets = sets, .set_count = 3};
        bool given = strcmp(option->key, "model.folder") == 0 ||
                     strcmp(option->key, "http.max_body_bytes") == 0 ||
                     strcmp(option->key, "admin.token_file") == 0; // --set is the stronger one
        assert_int_equal(load_sets(folder_set, 1, &by_default, &diag), STATUS_OK);
        assert_int_equal(load_sets(sets, 4, &by_set, &diag), STATUS_OK);
        assert_int_equal(server_config_load(&sources, &by_environment, &diag), STATUS_OK);
        struct buf texts[3];
        dump(&by_default, &texts[0]);
        dump(&by_set, &texts[1]);
        dump(&by_environment, &texts[2]);
        assert_string_not_equal(texts[0].data, texts[1].data);
        if (!given)
            assert_string_equal(texts[1].data, texts[2].data);
        assert_non_null(strstr(help.data, option->key));
        assert_non_null(strstr(manual.data, option->key));
        assert_true(strlen(option->help) > 10);
        for (size_t t = 0; t < 3; t++)
            buf_fini(&texts[t]);
        server_config_fini(&by_default);
        server_config_fini(&by_set);
        server_config_fini(&by_environment);
    }
    buf_fini(&help);
    buf_fini(&manual);
}

// One below the least and one above the most are refused, and the message names the key.
static void test_bounds_of_every_number_hold(void **state)
{
    (void)state;
    const struct cfg_table *table = server_config_table();
    for (size_t i = 0; i < table->count; i++) {
        const struct cfg_option *option = &table->options[i];
        if (option->kind != CFG_I64)
            continue;
        const double wrong[] = {option->min - 1, option->max + 1};
        for (size_t w = 0; w < 2; w++) {
            char set[128];
            snprintf(set, sizeof(set), "%s=%lld", option->key, (long long)wrong[w]);
            const char *sets[] = {folder_set[0], set};
            struct server_config config;
            struct diag diag = {0};
            char text[1024];
            assert_int_equal(load_sets(sets, 2, &config, &diag), STATUS_CONFIG);
            assert_non_null(strstr(diag_format(&diag, text, sizeof(text)), option->key));
        }
    }
}

static void test_a_folder_is_needed_and_a_name_is_one(void **state)
{
    (void)state;
    struct server_config config;
    struct diag diag = {0};
    assert_int_equal(load_sets(NULL, 0, &config, &diag), STATUS_CONFIG);
    assert_string_equal(diag.path, "model.folder");
    static const char *const bad[] = {"../up", ".", "a b", "-a", "a/b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char set[64];
        snprintf(set, sizeof(set), "model.name=%s", bad[i]);
        const char *sets[] = {folder_set[0], set};
        assert_int_equal(load_sets(sets, 2, &config, &diag), STATUS_CONFIG);
        assert_string_equal(diag.path, "model.name");
    }
}

static void test_one_way_to_say_which_models(void **state)
{
    (void)state;
    struct server_config config;
    struct diag diag = {0};
    const char *both[] = {folder_set[0], "models=[{folder: a}]"};
    assert_int_equal(load_sets(both, 2, &config, &diag), STATUS_CONFIG);
    assert_string_equal(diag.path, "model.folder");
    const char *tokenless[] = {folder_set[0], "admin.port=0"};
    assert_int_equal(load_sets(tokenless, 2, &config, &diag), STATUS_CONFIG);
    assert_string_equal(diag.path, "admin.token_file");
}

// A second configuration: what is live is taken, what is not is told.
static void tell(void *context, const char *key)
{
    struct buf *told = context;
    buf_printf(told, "%s ", key);
}

static void test_live_options_are_taken_and_others_told(void **state)
{
    (void)state;
    struct server_config running, fresh;
    struct buf told;
    buf_init(&told, 1 << 10);
    const char *more[] = {
        folder_set[0],     "http.port=9000",   "rank.timeout_ms=50",     "log.level=debug",
        "log.file=/tmp/x", "model.name=other", "rank.on_deadline=by_bid"};
    assert_int_equal(load_sets(folder_set, 1, &running, NULL), STATUS_OK);
    assert_int_equal(load_sets(more, 7, &fresh, NULL), STATUS_OK);
    cfg_take_live(server_config_table(), &running, &fresh, tell, &told);
    assert_string_equal(told.data, "http.port log.file ");
    assert_int_equal(running.http_port, 8080);
    assert_int_equal(running.rank_timeout_ms, 50);
    assert_int_equal(running.log_level, 0);
    assert_int_equal(running.rank_on_deadline, 1);
    assert_string_equal(running.model_name, "other");
    server_config_fini(&running);
    server_config_fini(&fresh);
    buf_fini(&told);
}

static void test_words_of_choices(void **state)
{
    (void)state;
    char word[16];
    assert_string_equal(server_config_choice("serve.kernels", 0, word, sizeof(word)), "auto");
    assert_string_equal(server_config_choice("serve.kernels", 2, word, sizeof(word)), "avx2");
    assert_string_equal(server_config_choice("serve.kernels", 3, word, sizeof(word)), "avx512");
    assert_string_equal(server_config_choice("log.level", 1, word, sizeof(word)), "info");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_dump_and_load_to_the_same),
        cmocka_unit_test(test_every_row_can_be_set_and_is_documented),
        cmocka_unit_test(test_bounds_of_every_number_hold),
        cmocka_unit_test(test_a_folder_is_needed_and_a_name_is_one),
        cmocka_unit_test(test_one_way_to_say_which_models),
        cmocka_unit_test(test_live_options_are_taken_and_others_told),
        cmocka_unit_test(test_words_of_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
