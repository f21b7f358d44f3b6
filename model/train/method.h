// What a method is: one row of methods.def. The trainer, the configuration, the experiment and the
// documentation read the table; nobody asks "is it CLID?" (spec/algorithm.md 4, 10).
#pragma once

#include "model/checkpoint.h"
#include "model/train/loss.h"

#include <stdbool.h>
#include <stddef.h>

// Which columns the main tower sees. The serving form is the main tower alone, always.
enum method_sees { METHOD_SEES_REGULAR, METHOD_SEES_ALL };

struct method {
    const char *name, *title, *summary; // "clid", "CLID", a line for people
    enum checkpoint_role role;          // of what the main tower becomes
    enum method_sees sees;
    enum loss_kd kd;
    enum loss_join
        join; // not NONE: a shallow tower over the privileged features beside the main one
    const char *teacher; // the method that its teacher is trained by; "" without one
    bool tau;            // has a temperature
};

const struct method *method_at(size_t i); // NULL behind the last
const struct method *method_find(const char *name);
size_t method_count(void);
size_t method_index(const struct method *method); // its row
// Whether it has a weight ratio r: every method with a second loss.
bool method_has_ratio(const struct method *method);
// Whether its second loss compares the documents of a list: 0 by definition where lists have one.
bool method_is_listwise(const struct method *method);
// Whether one of its own towers sees privileged features; its teacher is another method's.
bool method_sees_privileged(const struct method *method);
// The names as choices of an option, behind their first character: "|base|teacher|...".
extern const char method_choices[];
