// A made page as an impression record, one line of JSON:
//
//   {"id":"17","ts":1700000040,
//    "user":{"user_id":"u812","segment":"s3","history":["i55","i902"],
//            "history_categories":["c4","c1"]},
//    "context":{"hour":22,"device":"d2"},
//    "candidates":[{"id":"i5","bid":1.27,
//      "features":{"item_id":"i5","category":"c4","price":12.5,"popularity":0.031},
//      "privileged":{"position":0,"seconds_in_view":2.8},"label":0}]}
#pragma once

#include "base/buf.h"
#include "model/train/synth_visit.h"

// Appends the line. history: scratch of the world's longest history and one more.
void synth_record_put(struct buf *line, const struct synth_world *world,
                      const struct synth_visit *visit, uint32_t *history);
// n / 10^decimals without trailing zeros.
void synth_record_put_decimal(struct buf *line, uint64_t n, unsigned decimals);
