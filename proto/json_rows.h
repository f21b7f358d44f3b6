// C++, a part of json_read.cpp, which alone includes it, behind json_walk.h: values of features to
// the cells of a block, for requests and records alike.
#pragma once

namespace
{

enum status read_dense(row_build &r, value &v, const struct row_field &f, union row_cell *cells)
{
    double x;
    union row_cell *to = cells + f.offset;
    if (f.size == 1 && *token_of(v) != '[') {
        TRY(read_number(r, v, "a number", &x));
        to[0].number = row_value(x);
        return STATUS_OK;
    }
    array list;
    TRY(open_list(r, v, "a list of numbers", &list));
    size_t n = 0;
    for (auto item : list) {
        if (item.error() != simdjson::SUCCESS)
            return fail_syntax(r);
        value &&inner = std::move(item).value_unsafe();
        if (!take_number(inner, &x)) {
            json_fault_push_index(&r.path, n);
            return read_number(r, inner, "a number", &x);
        }
        if (n < f.size)
            to[n].number = row_value(x);
        n++;
    }
    if (n != f.size) {
        return row_build_fail(&r, STATUS_INVALID, "expected %u value%s, got %zu", f.size,
                              f.size == 1 ? "" : "s", n);
    }
    return STATUS_OK;
}

enum status read_group(row_build &r, const char *token, struct span id)
{
    r.grouped = true;
    if (id.size == 0)
        return STATUS_OK;
    r.group = id;
    return own_text(r, token, &r.group);
}

enum status read_one(row_build &r, value &v, const struct row_field &f, struct row_place place,
                     bool is_group)
{
    struct span id;
    const char *token = token_of(v);
    TRY(read_id(r, v, &id));
    if (is_group)
        TRY(read_group(r, token, id));
    if (id.size == 0)
        return row_build_missing(&r, &f, place);
    if (f.keep != ROW_KEEP_NONE)
        place.kept[f.keep] = id;
    return row_build_id(&r, &f, id, &place.cells[f.offset].id);
}

// All are validated; a ring holds the last of them, and only those are looked up.
enum status read_many(row_build &r, value &v, const struct row_field &f, struct row_place place)
{
    array list;
    TRY(open_list(r, v, "a list of ids", &list));
    size_t index = 0, count = 0;
    uint32_t next = 0;
    for (auto item : list) {
        if (item.error() != simdjson::SUCCESS)
            return fail_syntax(r);
        value &&inner = std::move(item).value_unsafe();
        json_fault_push_index(&r.path, index++);
        struct span id;
        TRY(read_id(r, inner, &id));
        if (id.size == 0) {
            row_build_count_missing(&r, &f, 1);
        } else {
            TRY(row_build_check(&r, &f.coding, id));
            r.ring[next] = id;
            next = next + 1 == f.size ? 0 : next + 1;
            count++;
        }
        json_fault_pop(&r.path);
    }
    if (count > f.size) {
        r.counts.cut_lists++;
        row_build_list(&r, &f, next, f.size, place);
    } else {
        row_build_list(&r, &f, 0, count, place);
    }
    return STATUS_OK;
}

enum status read_field(row_build &r, value &v, const struct row_field &f, struct row_place place,
                       bool is_group)
{
    if (f.kind == ROW_ID)
        return read_one(r, v, f, place, is_group);
    bool null;
    const char *token = token_of(v);
    if (v.is_null().get(null) != simdjson::SUCCESS)
        return fail_found(r, "a number", token);
    if (null)
        return row_build_missing(&r, &f, place);
    if (f.kind == ROW_IDS)
        return read_many(r, v, f, place);
    TRY(read_dense(r, v, f, place.cells));
    if (!is_group || !starts_number(token))
        return STATUS_OK;
    const char *end = token;
    while (end < r.end && std::strchr("+-.eE0123456789", *end) != nullptr)
        end++;
    return read_group(r, token, {token, static_cast<size_t>(end - token)});
}

// The usual name is recognised before it is decoded; a name that would be escaped is not.
bool is_expected(const row_build &r, const char *raw_key, const struct row_field *expected)
{
    if (expected == nullptr)
        return false;
    struct span name = expected->name;
    return static_cast<size_t>(r.end - raw_key) > name.size && raw_key[name.size] == '"' &&
           std::memcmp(raw_key, name.data, name.size) == 0 &&
           std::memchr(name.data, '\\', name.size) == nullptr &&
           std::memchr(name.data, '"', name.size) == nullptr;
}

enum status read_feature(row_build &r, field &member, struct row_place place)
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
    value &v = member.value();
    bool is_group =
        r.find.scope == ROW_USER && r.group_name.data != nullptr && span_equal(name, r.group_name);
    if (f != nullptr && !row_find_take(&r.find, f)) {
        return fail(r, STATUS_INVALID, twice_words);
    } else if (f != nullptr) {
        TRY(read_field(r, v, *f, place, is_group));
    } else if (is_group) {
        struct span id;
        const char *token = token_of(v);
        if (r.grouped)
            return fail(r, STATUS_INVALID, twice_words);
        TRY(read_id(r, v, &id));
        TRY(read_group(r, token, id));
    } else {
        TRY(r.unknown(&r, name));
        TRY(skip_member(r, v));
    }
    json_fault_pop(&r.path);
    return STATUS_OK;
}

// `v` NULL: the object was not sent. The path ends with its name.
enum status read_features(row_build &r, value *v, enum row_scope scope, struct row_place place)
{
    row_find_object(&r.find, scope);
    if (v != nullptr) {
        object map;
        TRY(open_object(r, *v, &map));
        for (auto item : map) {
            if (item.error() != simdjson::SUCCESS)
                return fail_syntax(r);
            field &&member = std::move(item).value_unsafe();
            TRY(read_feature(r, member, place));
        }
    }
    return row_build_rest(&r, place);
}

enum status read_shared(row_build &r, value &v, enum row_scope scope)
{
    r.scope_sent[scope] = true;
    return read_features(r, &v, scope, row_build_shared(&r));
}

// What a candidate lacks: the path ends with the candidate.
enum status read_absent(row_build &r, const char *name, enum row_scope scope,
                        struct row_place place)
{
    json_fault_push_key(&r.path, span_of(name));
    TRY(read_features(r, nullptr, scope, place));
    json_fault_pop(&r.path);
    return STATUS_OK;
}

// `read` gets a candidate and its index; the path ends with the index.
template <typename Read>
enum status read_candidates(row_build &r, value &v, size_t max, size_t *ret_count, Read read)
{
    array list;
    TRY(open_list(r, v, "a list of candidates", &list));
    size_t n = 0;
    for (auto item : list) {
        if (item.error() != simdjson::SUCCESS)
            return fail_syntax(r);
        value &&inner = std::move(item).value_unsafe();
        if (n == max)
            return row_build_fail(&r, STATUS_TOO_LARGE, "more than %zu candidates", n);
        assert(n < r.rows);
        json_fault_push_index(&r.path, n);
        TRY(read(inner, n));
        json_fault_pop(&r.path);
        n++;
    }
    *ret_count = n;
    return n > 0 ? STATUS_OK : fail(r, STATUS_INVALID, "empty, at least one candidate is needed");
}

} // namespace
