// C++, a part of json_read.cpp, which alone includes it, behind simdjson: walkers for the tokens of
// a text. Each leaves the value it was given or fails at the end of the path.
#pragma once

namespace
{

enum status fail(row_build &r, enum status code, const char *words)
{
    return row_build_fail(&r, code, "%s", words);
}

const char *token_of(value &v)
{
    return v.raw_json_token().data();
}

bool starts_number(const char *token)
{
    return *token == '-' || (*token >= '0' && *token <= '9');
}

enum status fail_found(row_build &r, const char *expected, const char *token)
{
    char found[JSON_FAULT_TEXT];
    json_fault_found(token, r.end, found, sizeof(found));
    return row_build_fail(&r, STATUS_INVALID, "expected %s, got %s", expected, found);
}

enum status fail_syntax(row_build &r)
{
    return fail(r, STATUS_INVALID,
                "not valid JSON here: a comma, a colon or a bracket is missing, "
                "or a key is not text");
}

// Digits of a number without its exponent, from the first that is not 0.
size_t count_digits(std::string_view token)
{
    size_t at = token.find_first_not_of("-0."), count = 0;
    for (; at < token.size() && (token[at] == '.' || (token[at] >= '0' && token[at] <= '9')); at++)
        count += token[at] != '.';
    return count;
}

// simdjson 3.0.1 counts in 64 bits and does not see when a number has more digits than they hold:
// it makes 0.002 of 0.55555555555555555555. Its check of the grammar is right, and those that may
// be too long are read again.
bool take_number(value &v, double *ret)
{
    constexpr size_t safe_digits = 19;
    std::string_view token = v.raw_json_token();
    if (v.get_double().get(*ret) != simdjson::SUCCESS)
        return false;
    if (token.size() <= safe_digits || count_digits(token) <= safe_digits)
        return true;
    struct span text = {token.data(), token.size()};
    return num_parse_double(span_trim(text), ret) == STATUS_OK;
}

enum status read_number(row_build &r, value &v, const char *expected, double *ret)
{
    if (take_number(v, ret))
        return STATUS_OK;
    const char *token = token_of(v);
    if (starts_number(token))
        expected = "a finite number as JSON writes it";
    return fail_found(r, expected, token);
}

enum status open_object(row_build &r, value &v, object *ret)
{
    if (*token_of(v) != '{')
        return fail_found(r, "an object", token_of(v));
    return v.get_object().get(*ret) == simdjson::SUCCESS ? STATUS_OK : fail_syntax(r);
}

enum status open_list(row_build &r, value &v, const char *expected, array *ret)
{
    if (*token_of(v) != '[')
        return fail_found(r, expected, token_of(v));
    return v.get_array().get(*ret) == simdjson::SUCCESS ? STATUS_OK : fail_syntax(r);
}

// Text of the parser, gone with the document, to text that lives as long as the request: it points
// into the body where nothing is escaped, else into the arena. `token` is where it stood.
enum status own_text(row_build &r, const char *token, struct span *text)
{
    const char *raw = token + 1;
    if (*token == '"' && raw[text->size] == '"' && std::memchr(raw, '\\', text->size) == nullptr) {
        text->data = raw;
        return STATUS_OK;
    }
    if (*token != '"')
        return STATUS_OK; // a number stands in the body as it is
    text->data = arena_copy_text(r.arena, text->data, text->size);
    return text->data == nullptr ? row_build_memory(&r) : STATUS_OK;
}

enum status read_text(row_build &r, value &v, struct span *ret)
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
    *ret = {text.data(), text.size()};
    return own_text(r, token, ret);
}

// An id as bytes that live as long as the document; none if it is null or "".
enum status read_id(row_build &r, value &v, struct span *ret)
{
    static const char expected[] = "an id (text or a whole number)";
    const char *token = token_of(v);
    std::string_view text;
    int64_t number;
    bool null;
    if (*token == '"') {
        if (v.get_string().get(text) != simdjson::SUCCESS)
            return fail_found(r, "text with valid escapes", token);
        if (text.size() > ROW_MAX_ID_BYTES)
            return fail(r, STATUS_INVALID, "expected an id of at most 256 bytes");
        *ret = {text.data(), text.size()};
        return STATUS_OK;
    }
    if (starts_number(token)) {
        if (v.get_int64().get(number) != simdjson::SUCCESS)
            return fail_found(r, "an id (text or a whole number of 64 bits)", token);
        const char *end = token + 1;
        while (*end >= '0' && *end <= '9')
            end++;
        const char *start = number == 0 ? end - 1 : token; // -0 is 0
        *ret = {start, static_cast<size_t>(end - start)};
        return STATUS_OK;
    }
    if (v.is_null().get(null) != simdjson::SUCCESS || !null)
        return fail_found(r, expected, token);
    *ret = {token, 0};
    return STATUS_OK;
}

enum status read_count(row_build &r, value &v, uint64_t *ret)
{
    return v.get_uint64().get(*ret) == simdjson::SUCCESS
               ? STATUS_OK
               : fail_found(r, "a whole number that is not negative", token_of(v));
}

enum status read_flag(row_build &r, value &v, bool *ret)
{
    return v.get_bool().get(*ret) == simdjson::SUCCESS
               ? STATUS_OK
               : fail_found(r, "true or false", token_of(v));
}

enum status read_money(row_build &r, value &v, double *ret)
{
    double x;
    TRY(read_number(r, v, "a number", &x));
    if (!(x >= 0 && x <= rank_max_money))
        return fail_found(r, "a number from 0 to 1e15", token_of(v));
    *ret = x + 0.0; // -0 becomes 0
    return STATUS_OK;
}

// Walks a value that nobody wants: what is skipped must be valid too. `depth` is that of `v`.
enum status skip_value(row_build &r, value v, unsigned depth)
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

// The path ends with the name of a value that is not wanted: its parents are the steps of the path.
enum status skip_member(row_build &r, value &v)
{
    return skip_value(r, v, r.path.count + 1);
}

const char *const twice_words = "stands twice in one object";

// Names are compared before they are decoded; one that would be escaped never is `name`.
bool is_raw(const char *raw_key, std::string_view name)
{
    return raw_key[0] == name[0] && std::memcmp(raw_key, name.data(), name.size()) == 0 &&
           raw_key[name.size()] == '"';
}

// Objects with a fixed set of keys: request, floors, record, candidates. `read` gets the values
// that are not null, `other` those with a name of their own; the path ends with the key.
template <size_t N, typename Read, typename Other>
enum status read_fixed(row_build &r, object &map, const std::string_view (&keys)[N], Read read,
                       Other other)
{
    static_assert(N <= 32, "one bit a key");
    uint32_t seen = 0;
    for (auto item : map) {
        if (item.error() != simdjson::SUCCESS)
            return fail_syntax(r);
        field &&member = std::move(item).value_unsafe();
        unsigned key = 0;
        const char *raw = member.key().raw();
        while (key < N && !is_raw(raw, keys[key]))
            key++;
        std::string_view text;
        if (key < N) {
            text = keys[key];
        } else {
            if (member.unescaped_key().get(text) != simdjson::SUCCESS)
                return fail_syntax(r);
            for (key = 0; key < N && text != keys[key];)
                key++;
        }
        json_fault_push_key(&r.path, {text.data(), text.size()});
        value &v = member.value();
        if (key == N) {
            TRY(other({text.data(), text.size()}, v));
        } else {
            if ((seen & 1u << key) != 0)
                return fail(r, STATUS_INVALID, twice_words);
            seen |= 1u << key;
            bool null;
            if (v.is_null().get(null) != simdjson::SUCCESS)
                return fail_found(r, "a value", token_of(v));
            if (!null)
                TRY(read(key, v));
        }
        json_fault_pop(&r.path);
    }
    return STATUS_OK;
}

} // namespace
