// Property: a configuration that ctrd accepts is printed so that it is accepted again, and says the
// same.
#include "server/server_config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG_MOST = 1 << 16, CONFIG_TEXT = 1 << 22 };

static void expect(bool held)
{
    if (!held)
        abort();
}

// cfg reads files by name.
static enum status load(const char *text, struct server_config *config)
{
    char path[] = "/tmp/fuzz_config.XXXXXX";
    struct diag diag = {0};
    size_t size = strlen(text);
    int fd = mkstemp(path);
    expect(fd >= 0 && write(fd, text, size) == (ssize_t)size && close(fd) == 0);
    const struct cfg_sources sources = {.file = path};
    enum status code = server_config_load(&sources, config, &diag);
    unlink(path);
    expect(code == STATUS_OK || code == STATUS_CONFIG || code == STATUS_NO_MEMORY);
    expect(code == STATUS_OK || diag.words[0] != '\0');
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct server_config first, second;
    struct buf text, again;
    if (size > CONFIG_MOST || memchr(data, '\0', size) != NULL)
        return 0;
    char *document = calloc(1, size + 1);
    if (document == NULL)
        return 0;
    if (size > 0)
        memcpy(document, data, size);
    if (load(document, &first) == STATUS_OK) {
        buf_init(&text, CONFIG_TEXT);
        buf_init(&again, CONFIG_TEXT);
        cfg_dump(server_config_table(), &first, &text);
        expect(buf_status(&text) == STATUS_OK && load(text.data, &second) == STATUS_OK);
        cfg_dump(server_config_table(), &second, &again);
        expect(strcmp(text.data, again.data) == 0);
        server_config_fini(&second);
        server_config_fini(&first);
        buf_fini(&text);
        buf_fini(&again);
    }
    free(document);
    return 0;
}
