// What decides the cells of impressions: names, kinds, scopes, sizes, encodings and vocabularies of
// the features that are sent; not how wide a table is, how a number is transformed or where its
// buckets end. Data are kept by it: they serve every model whose encodings they cover.
#pragma once

#include "base/buf.h"
#include "model/schema.h"

// The schema of the data: the features of `schema` that are sent, and crosses, with everything that
// decides nothing set to the same plain value. Borrows the vocabularies of `schema`.
MUST_USE enum status encoding_of(const struct schema *schema, struct schema *ret_encoding,
                                 struct diag *reterr);
// Its canonical text (JSON): equal texts and vocabularies, equal cells. And back; `file` is where
// the text stood.
MUST_USE enum status encoding_text(const struct schema *encoding, struct buf *out);
MUST_USE enum status encoding_parse(struct span text, const char *file, struct schema *ret_encoding,
                                    struct diag *reterr);
// STATUS_CONFIG with the name of the first feature of `want` that `have` has not, or has in another
// form. Of vocabularies the ids are compared where both have one, else min_count.
MUST_USE enum status encoding_covers(const struct schema *have, const struct schema *want,
                                     struct diag *reterr);
// Of the ids and their order; 0: NULL.
uint64_t encoding_vocab_hash(const struct vocab *vocab);
// The vocabularies of the tables of `from` to those of the same name.
void encoding_set_vocabs(struct schema *to, const struct schema *from);
// Every vocabulary that is needed is there.
bool encoding_is_fitted(const struct schema *encoding);
