#include "proto/row_code.h"

#include "base/hash64.h"
#include "proto/vocab.h"

#include <assert.h>
#include <string.h>

uint64_t row_code_seed(struct span table_name)
{
    return hash64(table_name.data, table_name.size, 0);
}

size_t row_code_rows(const struct row_coding *coding)
{
    if (coding->encode == ROW_VOCAB)
        return (coding->vocab == NULL ? 0 : vocab_count(coding->vocab)) + VOCAB_FIRST;
    return (size_t)coding->buckets + 1;
}

// 0 or digits that do not begin with 0: every integer has one spelling.
static bool row_code_identity(uint32_t buckets, struct span id, uint32_t *ret_row)
{
    enum { MOST_DIGITS = 10 }; // of 2^32 - 1
    if (id.size == 0 || id.size > MOST_DIGITS || (id.data[0] == '0' && id.size > 1))
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] < '0' || id.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(id.data[i] - '0');
    }
    if (value >= buckets)
        return false;
    *ret_row = (uint32_t)value + 1;
    return true;
}

static uint32_t row_code_hash(const struct row_coding *coding, const char *bytes, size_t size)
{
    return 1 + (uint32_t)(hash64(bytes, size, coding->seed) % coding->buckets);
}

bool row_code(const struct row_coding *coding, struct span id, uint32_t *ret_row)
{
    assert(id.size > 0);
    switch (coding->encode) {
    case ROW_HASH:
        *ret_row = row_code_hash(coding, id.data, id.size);
        return true;
    case ROW_VOCAB:
        *ret_row = coding->vocab == NULL ? (uint32_t)VOCAB_UNKNOWN : vocab_row(coding->vocab, id);
        return true;
    case ROW_IDENTITY:
        break;
    }
    return row_code_identity(coding->buckets, id, ret_row);
}

// Length, four bytes little endian, and the bytes. Returns the end.
static char *row_code_append(char *to, struct span id)
{
    assert(id.size <= ROW_MAX_ID_BYTES);
    for (unsigned i = 0; i < sizeof(uint32_t); i++)
        *to++ = (char)(unsigned char)(id.size >> (8 * i));
    memcpy(to, id.data, id.size);
    return to + id.size;
}

uint32_t row_code_cross(const struct row_coding *coding, struct span a, struct span b)
{
    assert(coding->encode == ROW_HASH);
    if (a.size == 0 || b.size == 0)
        return 0;
    char both[2 * (sizeof(uint32_t) + ROW_MAX_ID_BYTES)];
    char *end = row_code_append(row_code_append(both, a), b);
    return row_code_hash(coding, both, (size_t)(end - both));
}
