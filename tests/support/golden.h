// Expected values of the independent reference: files of the folder GOLDEN_DIR (environment;
// default ../shared/golden), read case by case, whatever cases they hold.
//
// A golden test is a table of operations and a main that returns golden_run. An operation of the
// file that the table lacks is a failure; one that is not built yet stands in the table with the
// reason instead of a check, and is counted on the output. Where the file is absent the program
// says so and returns 77 (skipped), with CI=true in the environment 1.
//
// Arrays that are read live until the check of their case returns. null is NaN. A comparison that
// fails ends the running cmocka test with file, case, field, got and want.
#pragma once

#include "proto/json_value.h"

#include <stddef.h>
#include <stdint.h>

enum { GOLDEN_SKIPPED = 77 };

// Of what the implementation computes in; both have their tolerances in the file.
enum golden_precision { GOLDEN_F64, GOLDEN_F32 };

struct golden;

struct golden_case {
    struct golden *golden;
    const char *name, *op, *tolerance_class;
    const struct json_value *in, *expect;
};

struct golden_op {
    const char *name;
    void (*check)(const struct golden_case *c); // NULL: not built yet
    const char *why_not;                        // then the reason
};

// The exit status of the program.
int golden_run(const char *file, const struct golden_op *ops, size_t count);

// "GOLDEN_DIR/FILE", in static storage.
const char *golden_path(const char *file);
// What to return where the reference is absent: says why.
int golden_absent(const char *path);

// Members that must be there. `map` is c->in, c->expect or an entry of a list.
const struct json_value *golden_member(const struct golden_case *c, const struct json_value *map,
                                       const char *key);
double golden_number(const struct golden_case *c, const struct json_value *map, const char *key);
size_t golden_size(const struct golden_case *c, const struct json_value *map, const char *key);
const char *golden_text(const struct golden_case *c, const struct json_value *map, const char *key);
// Numbers of a list, or of a list of rows one after another; *ret_count of all. Floats must be
// exact.
double *golden_doubles(const struct golden_case *c, const struct json_value *list,
                       size_t *ret_count);
float *golden_floats(const struct golden_case *c, const struct json_value *list, size_t *ret_count);
// Zeroed memory with the life of the case.
void *golden_memory(const struct golden_case *c, size_t count, size_t bytes);

// Comparisons. `tolerance_class` NULL: the case's. `field` is for the message.
struct golden_want {
    const struct golden_case *c;
    const char *tolerance_class;
    enum golden_precision precision;
    const char *field;
    const struct json_value *value;
};
struct golden_want golden_want(const struct golden_case *c, enum golden_precision precision,
                               const struct json_value *map, const char *key);
void golden_is_number(const struct golden_want *want, double got);
void golden_is_doubles(const struct golden_want *want, const double *got, size_t count);
void golden_is_floats(const struct golden_want *want, const float *got, size_t count);
void golden_is_integer(const struct golden_want *want, int64_t got);
void golden_is_integers(const struct golden_want *want, const int64_t *got, size_t count);
void golden_is_text(const struct golden_want *want, const char *got);
// A part of a case that is left to a later issue: counted by `what` and printed at the end.
void golden_not_yet(const struct golden_case *c, const char *what);
