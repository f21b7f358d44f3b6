#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

// Every simdjson call below answers with a code; with this its throwing overloads do not exist.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

extern "C" {
#include "base/num.h"
#include "proto/json_read.h"
#include "proto/rank_build.h"
#include "proto/record_build.h"
}

using simdjson::ondemand::array;
using simdjson::ondemand::document;
using simdjson::ondemand::field;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

#include "proto/json_walk.h"
// and on top of it
#include "proto/json_rows.h"

static_assert(JSON_READ_PADDING >= simdjson::SIMDJSON_PADDING, "bodies are padded for simdjson");

struct json_reader {
    simdjson::ondemand::parser parser;
    size_t max_body_bytes = 0;
    struct record_told told = {};
};

namespace
{

enum status read_unknown(row_build &r, struct span name)
{
    return fail(r, STATUS_INVALID,
                rank_build_forbidden(name) ? rank_build_forbidden_words : "unknown field");
}

enum status read_rank_candidate(rank_build &b, value &v, size_t index)
{
    static const std::string_view keys[] = {"id", "features", "bid"};
    row_build &r = b.rows;
    struct rank_candidate *candidate = &b.request.candidates[index];
    struct row_place place = row_build_item(&r, index);
    *candidate = {};
    object map;
    TRY(open_object(r, v, &map));
    bool featured = false;
    auto read = [&](unsigned key, value &inner) {
        switch (key) {
        case 0:
            return read_text(r, inner, &candidate->id);
        case 1:
            featured = true;
            return b.limits->bids_only ? STATUS_OK : read_features(r, &inner, ROW_ITEM, place);
        default:
            candidate->has_bid = true;
            return read_money(r, inner, &candidate->bid);
        }
    };
    TRY(read_fixed(r, map, keys, read,
                   [&](struct span name, value &) { return read_unknown(r, name); }));
    if (candidate->id.data == nullptr) {
        json_fault_push_key(&r.path, span_of("id"));
        return fail(r, STATUS_INVALID, "missing, every candidate needs one");
    }
    return featured ? STATUS_OK : read_absent(r, "features", ROW_ITEM, place);
}

enum status read_floors(rank_build &b, value &v)
{
    static const std::string_view keys[] = {"bid", "ecpm"};
    row_build &r = b.rows;
    object map;
    TRY(open_object(r, v, &map));
    auto read = [&](unsigned key, value &inner) {
        return read_money(r, inner, key == 0 ? &b.request.floor_bid : &b.request.floor_ecpm);
    };
    return read_fixed(r, map, keys, read,
                      [&](struct span name, value &) { return read_unknown(r, name); });
}

// A model's version, "42" as replies have it, or 42; or one of its labels, "canary".
enum status read_version(row_build &r, value &v, struct rank_request *to)
{
    const char *token = token_of(v);
    struct span text = {};
    if (*token != '"')
        TRY(read_count(r, v, &to->version));
    else
        TRY(read_text(r, v, &text));
    if (text.data != nullptr && !(text.data[0] >= '0' && text.data[0] <= '9')) {
        to->label = text;
        return STATUS_OK;
    }
    bool valid = text.data == nullptr ||
                 (text.data[0] != '0' && num_parse_u64(text, &to->version) == STATUS_OK);
    return valid && to->version > 0 ? STATUS_OK
                                    : fail_found(r, "a whole number above 0, or a label", token);
}

enum status read_rank(rank_build &b, object &map)
{
    static const std::string_view keys[] = {"id",         "model",   "unit",   "slots",
                                            "timeout_us", "floors",  "user",   "context",
                                            "candidates", "explain", "timing", "version"};
    row_build &r = b.rows;
    struct rank_request *to = &b.request;
    auto read = [&](unsigned key, value &v) {
        switch (key) {
        case 0:
            return read_text(r, v, &to->id);
        case 1:
            return read_text(r, v, &to->model);
        case 2:
            return read_text(r, v, &to->unit);
        case 3:
            return read_count(r, v, &to->slots);
        case 4:
            return read_count(r, v, &to->timeout_us);
        case 5:
            return read_floors(b, v);
        case 6:
        case 7:
            return b.limits->bids_only ? STATUS_OK
                                       : read_shared(r, v, key == 6 ? ROW_USER : ROW_CONTEXT);
        case 8:
            return read_candidates(
                r, v, b.limits->max_candidates, &to->count,
                [&](value &inner, size_t index) { return read_rank_candidate(b, inner, index); });
        case 9:
            return read_flag(r, v, &to->explain);
        case 10:
            return read_flag(r, v, &to->timing);
        default:
            return read_version(r, v, to);
        }
    };
    return read_fixed(r, map, keys, read,
                      [&](struct span name, value &) { return read_unknown(r, name); });
}

enum status read_ignored(record_build &b, value &v)
{
    record_build_ignored(&b);
    return skip_member(b.rows, v);
}

enum status read_label(row_build &r, value &v, struct record_candidate *candidate)
{
    double x;
    TRY(read_number(r, v, "a number", &x));
    if (!(x >= 0 && x <= record_max_label))
        return fail_found(r, "a number from 0 to 512", token_of(v));
    candidate->has_label = true;
    candidate->label = static_cast<float>(x + 0.0); // -0 becomes 0
    return STATUS_OK;
}

// The name of a record or a candidate, which need not have one.
enum status read_name(row_build &r, value &v, struct span *ret)
{
    struct span id;
    const char *token = token_of(v);
    TRY(read_id(r, v, &id));
    if (id.size == 0)
        return STATUS_OK;
    TRY(own_text(r, token, &id));
    *ret = id;
    return STATUS_OK;
}

enum status read_record_candidate(record_build &b, value &v, size_t index)
{
    static const std::string_view keys[] = {"id", "features", "privileged", "label", "bid"};
    row_build &r = b.rows;
    struct record_candidate *candidate = &b.record.candidates[index];
    struct row_place place = row_build_item(&r, index);
    *candidate = {};
    object map;
    TRY(open_object(r, v, &map));
    bool featured = false, privileged = false;
    auto read = [&](unsigned key, value &inner) {
        switch (key) {
        case 0:
            return read_name(r, inner, &candidate->id);
        case 1:
            featured = true;
            return read_features(r, &inner, ROW_ITEM, place);
        case 2:
            privileged = true;
            return read_features(r, &inner, ROW_ITEM_PRIVILEGED, place);
        case 3:
            return read_label(r, inner, candidate);
        default:
            candidate->has_bid = true;
            return read_money(r, inner, &candidate->bid);
        }
    };
    TRY(read_fixed(r, map, keys, read,
                   [&](struct span, value &inner) { return read_ignored(b, inner); }));
    if (!featured)
        TRY(read_absent(r, "features", ROW_ITEM, place));
    if (!privileged)
        TRY(read_absent(r, "privileged", ROW_ITEM_PRIVILEGED, place));
    return record_build_candidate(&b, index);
}

enum status read_time(row_build &r, value &v, struct record *to)
{
    if (v.get_int64().get(to->ts) != simdjson::SUCCESS)
        return fail_found(r, "a whole number", token_of(v));
    to->has_ts = true;
    return STATUS_OK;
}

enum status read_record(record_build &b, object &map)
{
    static const std::string_view keys[] = {"id",      "ts",         "user",
                                            "context", "privileged", "candidates"};
    row_build &r = b.rows;
    struct record *to = &b.record;
    auto read = [&](unsigned key, value &v) {
        switch (key) {
        case 0:
            return read_name(r, v, &to->id);
        case 1:
            return read_time(r, v, to);
        case 2:
            return read_shared(r, v, ROW_USER);
        case 3:
            return read_shared(r, v, ROW_CONTEXT);
        case 4:
            return read_shared(r, v, ROW_LIST_PRIVILEGED);
        default:
            return read_candidates(
                r, v, b.limits->max_candidates, &to->count,
                [&](value &inner, size_t index) { return read_record_candidate(b, inner, index); });
        }
    };
    return read_fixed(r, map, keys, read,
                      [&](struct span, value &v) { return read_ignored(b, v); });
}

// Of the text as a whole: "the body WORDS".
enum status fail_whole(row_build &r, const char *words)
{
    return row_build_fail(&r, STATUS_INVALID, "the %s %s", r.text_name, words);
}

const char *scan_words(simdjson::error_code code)
{
    switch (code) {
    case simdjson::UTF8_ERROR:
        return "is not valid UTF-8";
    case simdjson::UNCLOSED_STRING:
        return "has a text that is not closed";
    case simdjson::UNESCAPED_CHARS:
        return "has a text with a control character that is not escaped";
    default:
        return "is not a JSON object";
    }
}

// One object and nothing behind it; `read` gets the object.
template <typename Read>
enum status read_document(json_reader &reader, row_build &r, struct span text, Read read)
{
    document doc;
    simdjson::error_code code =
        reader.parser.iterate(text.data, text.size, text.size + JSON_READ_PADDING).get(doc);
    if (code != simdjson::SUCCESS)
        return fail_whole(r, scan_words(code));
    object map;
    code = doc.get_object().get(map);
    if (code == simdjson::INCORRECT_TYPE)
        return fail_whole(r, "is not a JSON object");
    if (code != simdjson::SUCCESS)
        return fail_whole(r, "is not one JSON object: it is cut off or something follows");
    TRY(read(map));
    if (doc.current_location().error() != simdjson::OUT_OF_BOUNDS)
        return fail_whole(r, "is not one JSON object: something follows it");
    return STATUS_OK;
}

} // namespace

struct json_reader *json_read_new(size_t max_body_bytes)
{
    json_reader *reader = new (std::nothrow) json_reader;
    if (reader != nullptr &&
        reader->parser.allocate(max_body_bytes < 64 ? 64 : max_body_bytes) != simdjson::SUCCESS) {
        delete reader;
        return nullptr;
    }
    if (reader != nullptr)
        reader->max_body_bytes = max_body_bytes;
    return reader;
}

void json_read_free(struct json_reader *reader)
{
    delete reader;
}

enum status json_read_rank(struct json_reader *reader, const char *body, size_t size,
                           const struct row_layout *layout, const struct rank_limits *limits,
                           struct arena *arena, struct rank_request *ret_request,
                           struct diag *reterr)
{
    assert(limits->max_candidates > 0);
    if (size > reader->max_body_bytes)
        return diag_set(reterr, STATUS_TOO_LARGE, "the body is larger than %zu bytes",
                        reader->max_body_bytes);
    rank_build b;
    struct span text = {body, size};
    TRY(rank_build_start(&b, text, layout, limits, arena, reterr));
    TRY(read_document(*reader, b.rows, text, [&](object &map) { return read_rank(b, map); }));
    TRY(rank_build_finish(&b));
    *ret_request = b.request;
    return STATUS_OK;
}

enum status json_read_record(struct json_reader *reader, struct span line,
                             const struct row_layout *layout, const struct record_limits *limits,
                             struct arena *arena, struct record *ret_record, struct diag *reterr)
{
    assert(limits->max_candidates > 0);
    if (line.size > reader->max_body_bytes)
        return diag_set(reterr, STATUS_TOO_LARGE, "the line is larger than %zu bytes",
                        reader->max_body_bytes);
    record_build b;
    TRY(record_build_start(&b, line, layout, limits, &reader->told, arena, reterr));
    TRY(read_document(*reader, b.rows, line, [&](object &map) { return read_record(b, map); }));
    TRY(record_build_finish(&b));
    *ret_record = b.record;
    return STATUS_OK;
}

char *json_read_print_float(char *text, float x)
{
    return std::to_chars(text, text + 32, x).ptr;
}

char *json_read_print_double(char *text, double x)
{
    return std::to_chars(text, text + 32, x).ptr;
}
