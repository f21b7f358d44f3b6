#include "model/train/synth_record.h"

#include "model/train/synth_shape.h"

static void record_put_integer(struct buf *line, uint64_t n)
{
    char text[20];
    buf_append(line, text, (size_t)(synth_shape_print_integer(text, n) - text));
}

void synth_record_put_decimal(struct buf *line, uint64_t n, unsigned decimals)
{
    uint64_t one = 1;
    for (unsigned d = 0; d < decimals; d++)
        one *= 10;
    record_put_integer(line, n / one);
    uint64_t rest = n % one;
    if (rest > 0)
        buf_char(line, '.');
    while (rest > 0) {
        one /= 10;
        buf_char(line, (char)('0' + rest / one));
        rest %= one;
    }
}

// "KEY":"LETTER NUMBER"
static void record_put_name(struct buf *line, const char *key, char letter, uint64_t n)
{
    buf_char(line, '"');
    buf_text(line, key);
    buf_text(line, "\":\"");
    buf_char(line, letter);
    record_put_integer(line, n);
    buf_char(line, '"');
}

static void record_put_names(struct buf *line, const char *key, char letter,
                             const uint32_t *numbers, size_t count)
{
    buf_text(line, key);
    for (size_t i = 0; i < count; i++) {
        buf_char(line, i == 0 ? '[' : ',');
        buf_char(line, '"');
        buf_char(line, letter);
        record_put_integer(line, numbers[i]);
        buf_char(line, '"');
    }
    buf_text(line, count == 0 ? "[]" : "]");
}

static void record_put_user(struct buf *line, const struct synth_world *world, uint32_t user,
                            uint32_t *history)
{
    const size_t reads = synth_world_history(world, user, history);
    buf_text(line, ",\"user\":{");
    record_put_name(line, "user_id", 'u', user);
    buf_char(line, ',');
    record_put_name(line, "segment", 's', world->users[user].segment);
    record_put_names(line, ",\"history\":", 'i', history, reads);
    for (size_t i = 0; i < reads; i++)
        history[i] = world->items[history[i]].category;
    record_put_names(line, ",\"history_categories\":", 'c', history, reads);
    buf_char(line, '}');
}

static void record_put_ad(struct buf *line, const struct synth_world *world,
                          const struct synth_visit_ad *ad, size_t position)
{
    const struct synth_world_item *item = &world->items[ad->item];
    buf_text(line, position == 0 ? "{" : ",{");
    record_put_name(line, "id", 'i', ad->item);
    buf_text(line, ",\"bid\":");
    synth_record_put_decimal(line, ad->bid_cents, 2);
    buf_text(line, ",\"features\":{");
    record_put_name(line, "item_id", 'i', ad->item);
    buf_char(line, ',');
    record_put_name(line, "category", 'c', item->category);
    buf_text(line, ",\"price\":");
    synth_record_put_decimal(line, item->price_cents, 2);
    buf_text(line, ",\"popularity\":");
    synth_record_put_decimal(line, item->popularity_millionths, 6);
    buf_text(line, "},\"privileged\":{\"position\":");
    record_put_integer(line, position);
    buf_text(line, ",\"seconds_in_view\":");
    synth_record_put_decimal(line, ad->view_tenths, 1);
    buf_text(line, ad->click ? "},\"label\":1}" : "},\"label\":0}");
}

void synth_record_put(struct buf *line, const struct synth_world *world,
                      const struct synth_visit *visit, uint32_t *history)
{
    buf_text(line, "{\"id\":\"");
    record_put_integer(line, visit->id);
    buf_text(line, "\",\"ts\":");
    record_put_integer(line, visit->ts);
    record_put_user(line, world, visit->user, history);
    buf_text(line, ",\"context\":{\"hour\":");
    record_put_integer(line, visit->hour);
    buf_char(line, ',');
    record_put_name(line, "device", 'd', visit->device);
    buf_text(line, "},\"candidates\":[");
    for (size_t i = 0; i < visit->count; i++)
        record_put_ad(line, world, &visit->ads[i], i);
    buf_text(line, "]}\n");
}
