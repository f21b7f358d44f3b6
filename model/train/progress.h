// How far a long work is: a bar with rate, time left and words (the loss) where stderr is a
// terminal, nothing elsewhere: what is worth a line the caller logs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    const char *title, *unit; // borrowed until progress_end: "epoch 3", "docs"
    uint64_t total, done;     // total 0: unknown
    uint64_t start_ns, drawn_ns;
    bool terminal;
    char text[96];
};

void progress_start(struct progress *progress, const char *title, uint64_t total, const char *unit);
// Cheap; draws at most 10 times a second. `text` is copied: "loss 0.4512"; NULL keeps the last one.
void progress_update(struct progress *progress, uint64_t done, const char *text);
// Clears the bar.
void progress_end(struct progress *progress);

struct progress_view {
    const char *title, *unit, *text;
    uint64_t done, total;
    double seconds; // since the start
};
// One line of at most `width` columns (bytes: the parts are ASCII) into text (size > width),
// terminated:
//   epoch 3 [=====>        ]  45% 461k/1.02M docs 31.2k/s ETA 0:18 loss 0.4512
// A narrow line loses first the bar, then parts from the right. Returns the length.
size_t progress_format(const struct progress_view *view, size_t width, char *text, size_t size);
