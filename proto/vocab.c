#include "proto/vocab.h"

#include "base/hash64.h"

#include <assert.h>
#include <stdlib.h>

// Open addressing. The tag, the upper half of the hash, spares most looks at other ids' bytes.
struct vocab_slot {
    uint32_t tag;
    uint32_t row; // 0: free
};

struct vocab {
    const char *bytes;
    const uint64_t *offset;
    size_t count;
    size_t mask; // slots - 1; their number is a power of two
    struct vocab_slot *slots;
};

struct span vocab_id(const struct vocab *vocab, size_t i)
{
    assert(i < vocab->count);
    return (struct span){vocab->bytes + vocab->offset[i],
                         (size_t)(vocab->offset[i + 1] - vocab->offset[i])};
}

size_t vocab_count(const struct vocab *vocab)
{
    return vocab->count;
}

struct span vocab_bytes(const struct vocab *vocab)
{
    return (struct span){vocab->bytes, (size_t)vocab->offset[vocab->count]};
}

const uint64_t *vocab_offsets(const struct vocab *vocab)
{
    return vocab->offset;
}

// The slot that has the id, or the free one where it would stand.
static struct vocab_slot *vocab_find(const struct vocab *vocab, struct span id, uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t at = (size_t)hash;; at++) {
        struct vocab_slot *slot = &vocab->slots[at & vocab->mask];
        if (slot->row == 0 ||
            (slot->tag == tag && span_equal(vocab_id(vocab, slot->row - VOCAB_FIRST), id)))
            return slot;
    }
}

uint32_t vocab_row(const struct vocab *vocab, struct span id)
{
    uint32_t row = vocab_find(vocab, id, hash64(id.data, id.size, 0))->row;
    return row == 0 ? (uint32_t)VOCAB_UNKNOWN : row;
}

static MUST_USE enum status vocab_fill(struct vocab *vocab, struct diag *reterr)
{
    if (vocab->offset[0] != 0)
        return diag_set(reterr, STATUS_CORRUPT,
                        "the first id of the vocabulary does not start "
                        "at byte 0");
    for (size_t i = 0; i < vocab->count; i++) {
        if (vocab->offset[i + 1] < vocab->offset[i])
            return diag_set(reterr, STATUS_CORRUPT,
                            "id %zu of the vocabulary ends before it starts", i);
        struct span id = vocab_id(vocab, i);
        if (id.size == 0)
            return diag_set(reterr, STATUS_CORRUPT, "id %zu of the vocabulary is empty", i);
        uint64_t hash = hash64(id.data, id.size, 0);
        struct vocab_slot *slot = vocab_find(vocab, id, hash);
        if (slot->row != 0)
            return diag_set(reterr, STATUS_CORRUPT, "id %zu of the vocabulary is its id %u already",
                            i, slot->row - VOCAB_FIRST);
        *slot = (struct vocab_slot){(uint32_t)(hash >> 32), (uint32_t)(i + VOCAB_FIRST)};
    }
    return STATUS_OK;
}

enum status vocab_new(const char *bytes, const uint64_t *offset, size_t count,
                      struct vocab **ret_vocab, struct diag *reterr)
{
    *ret_vocab = NULL;
    if (count > UINT32_MAX - VOCAB_FIRST)
        return diag_set(reterr, STATUS_CORRUPT, "a vocabulary of more than 2^32 - 3 ids");
    size_t slots = 8;
    while (slots / 3 < count / 2 + 1) // at most two thirds are taken
        slots *= 2;
    struct vocab *vocab = malloc(sizeof(*vocab));
    struct vocab_slot *table = calloc(slots, sizeof(*table));
    if (vocab == NULL || table == NULL) {
        free(vocab);
        free(table);
        return diag_set(reterr, STATUS_NO_MEMORY, "no memory for a vocabulary of %zu ids", count);
    }
    *vocab = (struct vocab){bytes, offset, count, slots - 1, table};
    enum status code = vocab_fill(vocab, reterr);
    if (code != STATUS_OK) {
        vocab_free(vocab);
        return code;
    }
    *ret_vocab = vocab;
    return STATUS_OK;
}

void vocab_free(struct vocab *vocab)
{
    if (vocab == NULL)
        return;
    free(vocab->slots);
    free(vocab);
}
