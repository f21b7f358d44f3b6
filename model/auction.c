#include "model/auction.h"

#include <assert.h>
#include <math.h>

bool auction_valid(double bid, float pctr)
{
    return bid >= 0 && isfinite(1000 * bid) && pctr >= 0 && pctr <= 1;
}

// ---- order: a heap sort, which needs no memory and has no bad case -------------------------

// Whether a stands before b; a total order, for positions are unique.
static bool before(const struct auction_place *a, const struct auction_place *b, const float *pctr)
{
    if (a->score != b->score)
        return a->score > b->score;
    if (pctr[a->ad] != pctr[b->ad])
        return pctr[a->ad] > pctr[b->ad];
    return a->ad < b->ad;
}

// Lets the place at `root` sink until no child stands behind it: the last of all is on top.
static void sink(struct auction_place *heap, size_t root, size_t count, const float *pctr)
{
    const struct auction_place moving = heap[root];
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && before(&heap[child], &heap[child + 1], pctr))
            child++;
        if (!before(&moving, &heap[child], pctr))
            break;
        heap[root] = heap[child];
        root = child;
    }
    heap[root] = moving;
}

static void sort_places(struct auction_place *places, size_t count, const float *pctr)
{
    for (size_t i = count / 2; i-- > 0;)
        sink(places, i, count, pctr);
    for (size_t last = count; last-- > 1;) {
        const struct auction_place behind = places[0];
        places[0] = places[last];
        places[last] = behind;
        sink(places, 0, last, pctr);
    }
}

static size_t cut(size_t eligible, size_t slots)
{
    return slots != 0 && slots < eligible ? slots : eligible;
}

// ---- prices --------------------------------------------------------------------------------

// pow(x, 1) is x, but only the product is sure to be the same bits everywhere.
static double squashed(double base, double gamma)
{
    return gamma == 1 ? base : pow(base, gamma);
}

static double next_price(const struct auction_rules *rules, const struct auction_place *place,
                         const struct auction_place *next, const double *bid, const float *pctr)
{
    const double p = (double)pctr[place->ad];
    if (rules->gamma == 1)
        return next->ecpm / (1000.0 * p);
    return bid[next->ad] * pow((double)pctr[next->ad] / p, rules->gamma);
}

static void set_price(const struct auction_rules *rules, struct auction_place *place, double next,
                      double bid, double p)
{
    double price = next;
    place->binding = AUCTION_NEXT;
    if (rules->floor_bid > price) {
        price = rules->floor_bid;
        place->binding = AUCTION_FLOOR_BID;
    }
    const double floor_ecpm = rules->floor_ecpm / (1000.0 * p);
    if (floor_ecpm > price) {
        price = floor_ecpm;
        place->binding = AUCTION_FLOOR_ECPM;
    }
    if (price == 0)
        place->binding = AUCTION_NONE;
    place->price = price < bid ? price : bid;
}

void auction_run(const struct auction_rules *rules, const double *bid, const float *pctr, size_t n,
                 struct auction_place *places, struct auction_result *ret_result)
{
    assert(n <= UINT32_MAX);
    struct auction_result result = {0};
    for (size_t i = 0; i < n; i++) {
        if (!auction_valid(bid[i], pctr[i])) {
            result.invalid++;
            continue;
        }
        const double p = (double)pctr[i];
        assert(p > 0);
        const double ecpm = 1000.0 * p * bid[i];
        if (bid[i] < rules->floor_bid || ecpm < rules->floor_ecpm) {
            result.below_floor++;
            continue;
        }
        places[result.eligible++] = (struct auction_place){
            .ad = (uint32_t)i, .score = bid[i] * squashed(p, rules->gamma), .ecpm = ecpm};
    }
    sort_places(places, result.eligible, pctr);
    for (size_t k = 0; k < result.eligible; k++) {
        struct auction_place *place = &places[k];
        double next = 0;
        if (k + 1 < result.eligible)
            next = next_price(rules, place, place + 1, bid, pctr);
        set_price(rules, place, next, bid[place->ad], (double)pctr[place->ad]);
    }
    result.shown = cut(result.eligible, rules->slots);
    *ret_result = result;
}

void auction_by_pctr(const float *pctr, size_t n, size_t slots, struct auction_place *places,
                     struct auction_result *ret_result)
{
    assert(n <= UINT32_MAX);
    struct auction_result result = {0};
    for (size_t i = 0; i < n; i++) {
        if (!auction_valid(0, pctr[i])) {
            result.invalid++;
            continue;
        }
        places[result.eligible++] = (struct auction_place){
            .ad = (uint32_t)i, .score = (double)pctr[i], .binding = AUCTION_NONE};
    }
    sort_places(places, result.eligible, pctr);
    result.shown = cut(result.eligible, slots);
    *ret_result = result;
}
