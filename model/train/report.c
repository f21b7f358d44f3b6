#include "model/train/report.h"

#include "base/file.h"
#include "model/train/report_page.h"

#include <string.h>

enum { REPORT_MAX_DATA_BYTES = 256 << 20 };

static const char *const report_kinds[] = {"experiment", "calibration"};

static enum status report_check(const struct json_value *page, struct diag *reterr)
{
    const struct json_value *kind = NULL;
    if (json_value_kind(page) != JSON_VALUE_MAP)
        return diag_set(reterr, STATUS_INVALID, "a report is made of a map");
    TRY(json_value_need(page, "kind", JSON_VALUE_TEXT, &kind, reterr));
    for (size_t i = 0; i < sizeof(report_kinds) / sizeof(*report_kinds); i++) {
        if (span_is(json_value_text(kind), report_kinds[i]))
            return STATUS_OK;
    }
    return diag_at_path(reterr, STATUS_INVALID, "kind", "experiment or calibration, not '%s'",
                        json_value_text(kind).data);
}

enum status report_data(const struct json_value *page, struct buf *out)
{
    struct buf plain;
    buf_init(&plain, REPORT_MAX_DATA_BYTES);
    enum status code = json_value_write(page, 0, &plain);
    // `<` stands in texts only, where its escape means the same.
    struct span rest = buf_view(&plain);
    while (code == STATUS_OK && rest.size > 0) {
        const char *angle = memchr(rest.data, '<', rest.size);
        size_t before = angle == NULL ? rest.size : (size_t)(angle - rest.data);
        buf_append(out, rest.data, before);
        if (angle != NULL)
            buf_text(out, "\\u003c");
        size_t taken = before + (angle != NULL);
        rest = (struct span){rest.data + taken, rest.size - taken};
    }
    buf_fini(&plain);
    return code == STATUS_OK ? buf_status(out) : code;
}

enum status report_write(const char *path, const struct json_value *page, struct diag *reterr)
{
    struct file_writer writer;
    struct buf data;
    struct span head = report_page_head(), tail = report_page_tail();
    TRY(report_check(page, reterr));
    buf_init(&data, 2 * (size_t)REPORT_MAX_DATA_BYTES);
    enum status code = report_data(page, &data);
    if (code != STATUS_OK)
        diag_set(reterr, code, "the data of the report: %s", status_text(code));
    else
        code = file_writer_open(&writer, path, reterr);
    if (code == STATUS_OK) {
        file_writer_write(&writer, head.data, head.size);
        file_writer_write(&writer, data.data, data.size);
        file_writer_write(&writer, tail.data, tail.size);
        code = file_writer_commit(&writer, reterr);
        file_writer_abort(&writer);
    }
    buf_fini(&data);
    return code;
}
