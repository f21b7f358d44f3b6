#include "proto/rank_explain.h"

#include "proto/json_text.h"

static void number(struct buf *out, const char *key, double x)
{
    buf_text(out, key);
    json_text_double(out, x);
}

// Of a ranked candidate: its place, who prices it, and how.
static void encode_place(const struct rank_reply *reply, const struct rank_explained *one,
                         const struct rank_explained *all, struct buf *out)
{
#define RANK_BINDING_NAME(code, name) name,
    static const char *const bindings[] = {RANK_BINDING_TABLE(RANK_BINDING_NAME)};
#undef RANK_BINDING_NAME
    buf_printf(out, ",\"rank\":%u", one->rank);
    if (one->has_next) {
        buf_text(out, ",\"next_best\":{\"id\":");
        json_text_string(out, reply->request->candidates[one->next].id);
        if (reply->priced)
            number(out, ",\"ecpm\":", all[one->next].ecpm);
        buf_char(out, '}');
    }
    if (reply->priced) {
        number(out, ",\"price\":", one->price);
        buf_printf(out, ",\"floor_binding\":\"%s\"", bindings[one->binding]);
    }
}

static void encode_one(const struct rank_reply *reply, const struct rank_explained *all,
                       size_t index, struct buf *out)
{
    const struct rank_explained *one = &all[index];
    const struct rank_candidate *candidate = &reply->request->candidates[index];
    buf_text(out, "{\"id\":");
    json_text_string(out, candidate->id);
    buf_text(out, ",\"logit\":");
    json_text_float(out, one->logit);
    buf_text(out, ",\"pctr\":");
    json_text_float(out, one->pctr);
    if (reply->priced) {
        number(out, ",\"bid\":", candidate->bid);
        number(out, ",\"ecpm\":", one->ecpm);
    }
    if (one->rank > 0)
        encode_place(reply, one, all, out);
    else
        buf_text(out, ",\"below_floor\":true");
    buf_char(out, '}');
}

void rank_explain_encode(const struct rank_reply *reply, const struct rank_explained *all,
                         struct buf *out)
{
    rank_encode_begin(reply, out);
    buf_text(out, ",\"candidates\":[");
    for (size_t i = 0; i < reply->request->count; i++) {
        if (i > 0)
            buf_char(out, ',');
        encode_one(reply, all, i, out);
    }
    buf_char(out, ']');
    rank_encode_end(reply, out);
}
