// The tensors that a checkpoint has, by its manifest: the one list that the loader reads by and the
// writer writes by (design 7).
#pragma once

#include "model/checkpoint.h"
#include "model/safetensors.h"

enum { CHECKPOINT_TENSORS_NAME = 96 };

struct checkpoint_tensor {
    char name[CHECKPOINT_TENSORS_NAME];
    enum safetensors_dtype dtype;
    size_t rank;
    size_t shape[2];    // 0: any
    const void **place; // where the checkpoint keeps the pointer to the data
};

// Places that no member of struct checkpoint has: edges of buckets, texts of vocabularies, the
// histogram and golden inputs by feature, as they stand in the file.
struct checkpoint_parts {
    const void **edges;         // (schema.count)
    const void **vocab_bytes;   // (schema.table_count)
    const void **vocab_offsets; // (schema.table_count)
    const void **golden_input;  // (schema.count)
    const void *pctr_edges, *pctr_counts;
};

struct checkpoint_tensors {
    struct checkpoint_tensor *items; // in file order
    size_t count, room;
    bool out_of_memory;
};

MUST_USE enum status checkpoint_tensors_parts_init(const struct checkpoint *checkpoint,
                                                   struct checkpoint_parts *parts,
                                                   struct diag *reterr);
void checkpoint_tensors_parts_fini(struct checkpoint_parts *parts);

// Appends what can be known before tables are sized: layers, knots, edges, ranges, the
// histogram, vocabularies.
void checkpoint_tensors_first(struct checkpoint *checkpoint, struct checkpoint_parts *parts,
                              struct checkpoint_tensors *tensors);
// Appends the rest: tables, DIN, golden rows (golden_rows 0: any number of them).
void checkpoint_tensors_rest(struct checkpoint *checkpoint, struct checkpoint_parts *parts,
                             struct checkpoint_tensors *tensors);
void checkpoint_tensors_fini(struct checkpoint_tensors *tensors);
