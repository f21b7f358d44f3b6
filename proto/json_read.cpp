#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

// Every simdjson call below answers with a code; with this its throwing overloads do not exist.
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

extern "C" {
#include "proto/json_read.h"
#include "proto/rank_build.h"
}

using simdjson::ondemand::array;
using simdjson::ondemand::document;
using simdjson::ondemand::field;
using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

static_assert(JSON_READ_PADDING >= simdjson::SIMDJSON_PADDING, "bodies are padded for simdjson");

struct json_reader {
    simdjson::ondemand::parser parser;
    size_t max_body_bytes = 0;
};

namespace
{

struct reading : rank_build {
    const char *body, *end;
};

enum status fail(reading &r, enum status code, const char *words)
{
    return rank_build_fail(&r, code, "%s", words);
}

const char *token_of(value &v)
{
    return v.raw_json_token().data();
}

enum status fail_found(reading &r, const char *expected, const char *token)
{
    char found[JSON_FAULT_TEXT];
    json_fault_found(token, r.end, found, sizeof(found));
    return rank_build_fail(&r, STATUS_INVALID, "expected %s, got %s", expected, found);
}

enum status fail_syntax(reading &r)
{
    return fail(r, STATUS_INVALID,
                "not valid JSON here: a comma, a colon or a bracket is missing, "
                "or a key is not text");
}

enum status read_number(reading &r, value &v, const char *expected, double *ret)
{
    if (v.get_double().get(*ret) == simdjson::SUCCESS)
        return STATUS_OK;
    const char *token = token_of(v);
    if (*token == '-' || (*token >= '0' && *token <= '9'))
        expected = "a finite number as JSON writes it";
    return fail_found(r, expected, token);
}

enum status open_object(reading &r, value &v, object *ret)
{
    if (*token_of(v) != '{')
        return fail_found(r, "an object", token_of(v));
    return v.get_object().get(*ret) == simdjson::SUCCESS ? STATUS_OK : fail_syntax(r);
}

enum status open_list(reading &r, value &v, const char *expected, array *ret)
{
    if (*token_of(v) != '[')
        return fail_found(r, expected, token_of(v));
    return v.get_array().get(*ret) == simdjson::SUCCESS ? STATUS_OK : fail_syntax(r);
}

// Text that points into the body where nothing is escaped, else into the arena.
enum status read_text(reading &r, value &v, struct span *ret)
{
    const char *token = token_of(v);
    if (*token != '"')
        return fail_found(r, "text", token);
    std::string_view text;
    if (v.get_string().get(text) != simdjson::SUCCESS)
        return fail_found(r, "text with valid escapes", token);
    if (text.empty() || text.size() > RANK_MAX_ID_BYTES)
        return fail(r, STATUS_INVALID,
                    text.empty() ? "expected text, got \"\""
                                 : "expected text of at most 256 bytes");
    if (std::memchr(text.data(), '\0', text.size()) != nullptr)
        return fail(r, STATUS_INVALID, "expected text without U+0000");
    const char *raw = token + 1;
    if (raw[text.size()] == '"' && std::memchr(raw, '\\', text.size()) == nullptr) {
        *ret = {raw, text.size()};
        return STATUS_OK;
    }
    char *copy = arena_copy_text(r.arena, text.data(), text.size());
    if (copy == nullptr)
        return fail(r, STATUS_TOO_LARGE, rank_memory_words);
    *ret = {copy, text.size()};
    return STATUS_OK;
}

enum status read_count(reading &r, value &v, uint64_t *ret)
{
    return v.get_uint64().get(*ret) == simdjson::SUCCESS
               ? STATUS_OK
               : fail_found(r, "a whole number that is not negative", token_of(v));
}

enum status read_flag(reading &r, value &v, bool *ret)
{
    return v.get_bool().get(*ret) == simdjson::SUCCESS
               ? STATUS_OK
               : fail_found(r, "true or false", token_of(v));
}

enum status read_money(reading &r, value &v, double *ret)
{
    double x;
    TRY(read_number(r, v, "a number", &x));
    if (!(x >= 0 && x <= rank_max_money))
        return fail_found(r, "a number from 0 to 1e15", token_of(v));
    *ret = x + 0.0; // -0 becomes 0
    return STATUS_OK;
}

// Walks a value that nobody wants: what is skipped must be valid too. `depth` is that of `v`.
enum status skip_value(reading &r, value v, unsigned depth)
{
    json_type type;
    double number;
    bool flag;
    std::string_view text;
    if (v.type().get(type) != simdjson::SUCCESS)
        return fail_found(r, "a value", token_of(v));
    switch (type) {
    case json_type::number:
        return read_number(r, v, "a number", &number);
    case json_type::string:
        return v.get_string().get(text) == simdjson::SUCCESS
                   ? STATUS_OK
                   : fail_found(r, "text with valid escapes", token_of(v));
    case json_type::boolean:
        return read_flag(r, v, &flag);
    case json_type::null:
        return v.is_null().get(flag) == simdjson::SUCCESS && flag
                   ? STATUS_OK
                   : fail_found(r, "a value", token_of(v));
    case json_type::array:
    case json_type::object:
        break;
    }
    if (depth > RANK_MAX_DEPTH)
        return fail(r, STATUS_INVALID, "nested deeper than 32");
    if (type == json_type::array) {
        array list;
        TRY(open_list(r, v, "a list", &list));
        for (auto item : list) {
            value inner;
            if (item.get(inner) != simdjson::SUCCESS)
                return fail_syntax(r);
            TRY(skip_value(r, inner, depth + 1));
        }
        return STATUS_OK;
    }
    object map;
    TRY(open_object(r, v, &map));
    for (auto item : map) {
        field member;
        if (std::move(item).get(member) != simdjson::SUCCESS ||
            member.unescaped_key().get(text) != simdjson::SUCCESS)
            return fail_syntax(r);
        TRY(skip_value(r, member.value(), depth + 1));
    }
    return STATUS_OK;
}

enum status read_dense(reading &r, value &v, const struct row_field &f, union row_cell *block)
{
    double x;
    union row_cell *to = block + f.offset;
    if (f.size == 1 && *token_of(v) != '[') {
        TRY(read_number(r, v, "a number", &x));
        to[0].number = row_value(x);
        return STATUS_OK;
    }
    array list;
    TRY(open_list(r, v, "a list of numbers", &list));
    size_t n = 0;
    for (auto item : list) {
        value inner;
        if (item.get(inner) != simdjson::SUCCESS)
            return fail_syntax(r);
        if (inner.get_double().get(x) != simdjson::SUCCESS) {
            json_fault_push_index(&r.path, n);
            return read_number(r, inner, "a number", &x);
        }
        if (n < f.size)
            to[n].number = row_value(x);
        n++;
    }
    if (n != f.size) {
        return rank_build_fail(&r, STATUS_INVALID, "expected %u value%s, got %zu", f.size,
                               f.size == 1 ? "" : "s", n);
    }
    return STATUS_OK;
}

const char *const twice_words = "stands twice in one object";

// The usual name is recognised before it is decoded; a name that would be escaped is not.
bool is_expected(const reading &r, const char *raw_key, const struct row_field *expected)
{
    if (expected == nullptr)
        return false;
    struct span name = expected->name;
    return static_cast<size_t>(r.end - raw_key) > name.size && raw_key[name.size] == '"' &&
           std::memcmp(raw_key, name.data, name.size) == 0 &&
           std::memchr(name.data, '\\', name.size) == nullptr &&
           std::memchr(name.data, '"', name.size) == nullptr;
}

enum status read_feature(reading &r, field &member, union row_cell *block)
{
    const struct row_field *f = row_find_expected(&r.find);
    struct span name;
    if (is_expected(r, member.key().raw(), f)) {
        name = f->name;
    } else {
        std::string_view key;
        if (member.unescaped_key().get(key) != simdjson::SUCCESS)
            return fail_syntax(r);
        name = {key.data(), key.size()};
        f = row_find_name(&r.find, name);
    }
    json_fault_push_key(&r.path, name);
    value v = member.value();
    bool null;
    if (f == nullptr) {
        TRY(rank_build_unknown(&r, name));
        TRY(skip_value(r, v, r.path.count + 1)); // its parents are the steps of the path
    } else if (!row_find_take(&r.find, f)) {
        return fail(r, STATUS_INVALID, twice_words);
    } else {
        if (v.is_null().get(null) != simdjson::SUCCESS)
            return fail_found(r, "a number", token_of(v));
        TRY(null ? rank_build_missing(&r, f, block) : read_dense(r, v, *f, block));
    }
    json_fault_pop(&r.path);
    return STATUS_OK;
}

// `v` NULL: the object was not sent. The path ends with its name.
enum status read_features(reading &r, value *v, enum row_scope scope, union row_cell *block)
{
    row_find_object(&r.find, scope);
    if (v != nullptr) {
        object map;
        TRY(open_object(r, *v, &map));
        for (auto item : map) {
            field member;
            if (std::move(item).get(member) != simdjson::SUCCESS)
                return fail_syntax(r);
            TRY(read_feature(r, member, block));
        }
    }
    return rank_build_rest(&r, block);
}

// Objects with a fixed set of keys: request, floors, candidate. `read` gets the values that are not
// null; the path ends with the key.
template <size_t N, typename Read>
enum status read_fixed(reading &r, object &map, const char *const (&keys)[N], Read read)
{
    static_assert(N <= 32, "one bit a key");
    uint32_t seen = 0;
    for (auto item : map) {
        field member;
        std::string_view text;
        if (std::move(item).get(member) != simdjson::SUCCESS ||
            member.unescaped_key().get(text) != simdjson::SUCCESS)
            return fail_syntax(r);
        struct span name = {text.data(), text.size()};
        json_fault_push_key(&r.path, name);
        unsigned key = 0;
        while (key < N && !span_is(name, keys[key]))
            key++;
        if (key == N)
            return fail(r, STATUS_INVALID,
                        rank_build_forbidden(name) ? rank_build_forbidden_words : "unknown field");
        if ((seen & 1u << key) != 0)
            return fail(r, STATUS_INVALID, twice_words);
        seen |= 1u << key;
        value v = member.value();
        bool null;
        if (v.is_null().get(null) != simdjson::SUCCESS)
            return fail_found(r, "a value", token_of(v));
        if (!null)
            TRY(read(key, v));
        json_fault_pop(&r.path);
    }
    return STATUS_OK;
}

enum status read_candidate(reading &r, value &v, size_t index)
{
    static const char *const keys[] = {"id", "features", "bid"};
    struct rank_candidate *candidate = &r.request.candidates[index];
    union row_cell *row = r.request.items + index * r.layout->item_width;
    *candidate = {};
    object map;
    TRY(open_object(r, v, &map));
    bool featured = false;
    TRY(read_fixed(r, map, keys, [&](unsigned key, value &inner) {
        switch (key) {
        case 0:
            return read_text(r, inner, &candidate->id);
        case 1:
            featured = true;
            return read_features(r, &inner, ROW_ITEM, row);
        default:
            candidate->has_bid = true;
            return read_money(r, inner, &candidate->bid);
        }
    }));
    if (candidate->id.data == nullptr) {
        json_fault_push_key(&r.path, span_of("id"));
        return fail(r, STATUS_INVALID, "missing, every candidate needs one");
    }
    if (!featured) {
        json_fault_push_key(&r.path, span_of("features"));
        TRY(read_features(r, nullptr, ROW_ITEM, row));
        json_fault_pop(&r.path);
    }
    return STATUS_OK;
}

enum status read_candidates(reading &r, value &v)
{
    array list;
    TRY(open_list(r, v, "a list of candidates", &list));
    size_t n = 0;
    for (auto item : list) {
        value inner;
        if (item.get(inner) != simdjson::SUCCESS)
            return fail_syntax(r);
        if (n == r.limits->max_candidates) {
            return rank_build_fail(&r, STATUS_TOO_LARGE, "more than %zu candidates", n);
        }
        assert(n < r.rows);
        json_fault_push_index(&r.path, n);
        TRY(read_candidate(r, inner, n));
        json_fault_pop(&r.path);
        n++;
    }
    r.request.count = n;
    return n > 0 ? STATUS_OK : fail(r, STATUS_INVALID, "empty, at least one candidate is needed");
}

enum status read_floors(reading &r, value &v)
{
    static const char *const keys[] = {"bid", "ecpm"};
    object map;
    TRY(open_object(r, v, &map));
    return read_fixed(r, map, keys, [&](unsigned key, value &inner) {
        return read_money(r, inner, key == 0 ? &r.request.floor_bid : &r.request.floor_ecpm);
    });
}

enum status read_top(reading &r, object &map)
{
    static const char *const keys[] = {"id",         "model",   "unit",  "slots",
                                       "timeout_us", "floors",  "user",  "context",
                                       "candidates", "explain", "timing"};
    struct rank_request *to = &r.request;
    return read_fixed(r, map, keys, [&](unsigned key, value &v) {
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
            return read_floors(r, v);
        case 6:
        case 7:
            r.scope_sent[key - 6] = true;
            return read_features(r, &v, key == 6 ? ROW_USER : ROW_CONTEXT, to->shared);
        case 8:
            return read_candidates(r, v);
        case 9:
            return read_flag(r, v, &to->explain);
        default:
            return read_flag(r, v, &to->timing);
        }
    });
}

const char *scan_words(simdjson::error_code code)
{
    switch (code) {
    case simdjson::UTF8_ERROR:
        return "the body is not valid UTF-8";
    case simdjson::UNCLOSED_STRING:
        return "a text in the body is not closed";
    case simdjson::UNESCAPED_CHARS:
        return "a text in the body has a control character that is not escaped";
    default:
        return "the body is not a JSON object";
    }
}

enum status read_document(json_reader &reader, reading &r)
{
    document doc;
    size_t size = static_cast<size_t>(r.end - r.body);
    simdjson::error_code code =
        reader.parser.iterate(r.body, size, size + JSON_READ_PADDING).get(doc);
    if (code != simdjson::SUCCESS)
        return fail(r, STATUS_INVALID, scan_words(code));
    object map;
    code = doc.get_object().get(map);
    if (code == simdjson::INCORRECT_TYPE)
        return fail(r, STATUS_INVALID, "the body is not a JSON object");
    if (code != simdjson::SUCCESS)
        return fail(r, STATUS_INVALID,
                    "the body is not one JSON object: it is cut off or something follows");
    TRY(read_top(r, map));
    if (doc.current_location().error() != simdjson::OUT_OF_BOUNDS)
        return fail(r, STATUS_INVALID, "something follows the object in the body");
    return rank_build_finish(&r);
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
    reading r = {};
    r.body = body;
    r.end = body + size;
    TRY(rank_build_start(&r, size, layout, limits, arena, reterr));
    TRY(read_document(*reader, r));
    *ret_request = r.request;
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
