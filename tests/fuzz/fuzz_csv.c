// Lines of CSV: csvtext against a second reading written from RFC 4180 alone; both give the same
// fields, or both refuse. Then the whole input as a table through the pipeline, by one thread and
// by two: the same data set, or the same fault.
#include "base/buf.h"
#include "model/train/csvmap.h"
#include "model/train/csvtext.h"
#include "model/train/dataset_log.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT = 1 << 14 };

// Fields one after another, each ended by '\0'; false: no CSV.
static bool slow_split(struct span line, struct buf *out, size_t *ret_count)
{
    size_t at = 0;
    *ret_count = 0;
    for (;;) {
        if (at < line.size && line.data[at] == '"') {
            for (at++;; at++) {
                if (at == line.size)
                    return false;
                if (line.data[at] != '"') {
                    buf_char(out, line.data[at]);
                    continue;
                }
                at++;
                if (at == line.size || line.data[at] != '"')
                    break;
                buf_char(out, '"');
            }
            if (at < line.size && line.data[at] != ',')
                return false;
        } else {
            for (; at < line.size && line.data[at] != ','; at++) {
                if (line.data[at] == '"' || line.data[at] == '\r')
                    return false;
                buf_char(out, line.data[at]);
            }
        }
        buf_char(out, '\0');
        ++*ret_count;
        if (at == line.size)
            return true;
        at++;
    }
}

static void check_line(struct span line)
{
    struct csvtext *text = csvtext_new(',');
    const struct span *fields = NULL;
    size_t count = 0, slow_count = 0, at = 0;
    struct buf slow;
    assert(text != NULL);
    buf_init(&slow, 1 << 20);
    const bool good = slow_split(line, &slow, &slow_count);
    const enum status code = csvtext_split(text, line, &fields, &count, NULL);
    assert((code == STATUS_OK) == good);
    if (good) {
        assert(count == slow_count);
        for (size_t i = 0; i < count; i++) {
            assert(memcmp(slow.data + at, fields[i].data, fields[i].size + 1) == 0);
            at += fields[i].size + 1;
        }
        assert(at == slow.size);
    }
    buf_fini(&slow);
    csvtext_free(text);
}

static enum status open_table(const char *path, const struct schema *schema,
                              const struct csvmap *map, unsigned threads, uint64_t *ret_hash,
                              struct diag *ret_diag)
{
    struct shards shards;
    struct dataset dataset;
    struct impressions_totals totals;
    const struct dataset_options options = {
        .schema = schema, .csv = map, .threads = threads, .skip_bad = 1};
    if (shards_init(&shards, path, NULL) != STATUS_OK)
        abort();
    enum status code = dataset_log_open(&shards, &options, &dataset, &totals, ret_diag);
    shards_fini(&shards);
    if (code == STATUS_OK) {
        *ret_hash = dataset.content_hash;
        dataset_close(&dataset);
    }
    return code;
}

static void check_table(const uint8_t *data, size_t size)
{
    static const char features[] = "- {name: a, scope: user, kind: id, buckets: 9, dim: 1}\n"
                                   "- {name: b, scope: item, kind: dense, size: 1, default: 0}\n";
    static const char header[] = "list,label,a,b\n";
    char path[] = "/tmp/fuzz_csv.XXXXXX";
    struct yamldoc *doc, *tree;
    struct schema schema;
    struct csvmap map;
    uint64_t hashes[2] = {0, 0};
    struct diag diags[2] = {{.line = 0}, {.line = 0}};
    const struct csvmap_files files = {"fuzz", path, "", false};
    const int fd = mkstemp(path);
    if (fd < 0 || write(fd, header, sizeof header - 1) < 0 || write(fd, data, size) < 0 ||
        yamldoc_parse(span_of(features), "fuzz", &doc, NULL) != STATUS_OK ||
        yamldoc_parse(span_of("list: list\n"), "fuzz", &tree, NULL) != STATUS_OK ||
        schema_from_yaml(yamldoc_root(doc), "fuzz", &schema, NULL) != STATUS_OK ||
        csvmap_init(&map, yamldoc_root(tree), &files, &schema, NULL) != STATUS_OK)
        abort();
    const enum status one = open_table(path, &schema, &map, 1, &hashes[0], &diags[0]);
    const enum status two = open_table(path, &schema, &map, 2, &hashes[1], &diags[1]);
    assert(one == two && hashes[0] == hashes[1] && diags[0].line == diags[1].line);
    close(fd);
    unlink(path);
    csvmap_fini(&map);
    schema_fini(&schema);
    yamldoc_free(tree);
    yamldoc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > MAX_INPUT)
        return 0;
    struct span line = {(const char *)data, size};
    const char *stop = size == 0 ? NULL : memchr(data, '\n', size);
    if (stop != NULL)
        line.size = (size_t)(stop - line.data);
    if (line.size > 0)
        check_line(line);
    check_table(data, size);
    return 0;
}
