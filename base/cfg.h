// Options of a program, declared once in a table: defaults, YAML file, environment, --set, --help
// and the Markdown manual all come from it.
//
// A table is a .def file of rows CFG(field, kind, key, default, min, max, choices, help); the
// program makes its struct and its `struct cfg_option[]` from it (see CFG_FIELD, CFG_ROW below).
// Where options may change while the program runs, rows have a column more: `live` before `help`
// (CFG_LIVE_ROW).
// Precedence, from low to high: default, YAML file, environment, --set. Every fault names
// file:line:column (or the variable, or the --set text), the key, and for an unknown key the
// nearest known one.
#pragma once

#include "base/buf.h"
#include "base/status.h"
#include "base/yamldoc.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cfg_kind {
    CFG_BOOL,    // bool
    CFG_I64,     // int64_t, with optional suffix k, m, g (powers of 1024) where help says bytes
    CFG_DOUBLE,  // double
    CFG_TEXT,    // char *, owned by the config; "" when empty; printable UTF-8 on one line
    CFG_CHOICE,  // int, index into `choices` ("a|b|c")
    CFG_INTS,    // struct cfg_ints: "[1, 3, 11-15]", ascending ranges are expanded
    CFG_DOUBLES, // struct cfg_doubles: "[0.1, 1, 10]"
    CFG_CHOICES, // struct cfg_ints: indices into `choices`, "[a, c]"
    CFG_TREE,    // const struct yamldoc_node *: left to somebody else to read; elsewhere than in
                 // the file it is one line of YAML
};

struct cfg_ints {
    int64_t *items;
    size_t count;
};

struct cfg_doubles {
    double *items;
    size_t count;
};

struct cfg_option {
    const char *key; // dotted: "train.batch"
    enum cfg_kind kind;
    size_t offset;        // of the field in the struct
    const char *fallback; // default, as text; parsed by the same parser; unused for CFG_TREE
    double min, max;      // inclusive, of numbers and of items of CFG_INTS, CFG_DOUBLES
    const char *choices;
    const char *help; // one line; the unit stands in it
    bool live;        // may change while the program runs
};

// A field of the struct and a row of the table from one CFG line.
#define CFG_TYPE_CFG_BOOL bool
#define CFG_TYPE_CFG_I64 int64_t
#define CFG_TYPE_CFG_DOUBLE double
#define CFG_TYPE_CFG_TEXT char *
#define CFG_TYPE_CFG_CHOICE int
#define CFG_TYPE_CFG_INTS struct cfg_ints
#define CFG_TYPE_CFG_DOUBLES struct cfg_doubles
#define CFG_TYPE_CFG_CHOICES struct cfg_ints
#define CFG_TYPE_CFG_TREE const struct yamldoc_node *
#define CFG_FIELD(field, kind, key, fallback, min, max, choices, help) CFG_TYPE_##kind field;
#define CFG_ROW(type, field, kind, key, fallback, min, max, choices, help)                         \
    CFG_LIVE_ROW(type, field, kind, key, fallback, min, max, choices, CFG_FIXED, help)
enum { CFG_FIXED, CFG_LIVE };
#define CFG_LIVE_ROW(type, field, kind, key, fallback, min, max, choices, live, help)              \
    {key, kind, offsetof(type, field), fallback, min, max, choices, help, (live) == CFG_LIVE},

struct cfg_table {
    const struct cfg_option *options;
    size_t count;
    const char *env_prefix; // "CTRD_": key "http.port" is CTRD_HTTP_PORT
};

// Where the values come from; NULL or 0 where there is none.
struct cfg_sources {
    const char *file;         // YAML path
    char *const *environment; // usually environ; NULL-terminated
    const char *const *sets;  // "key=value", in order
    size_t set_count;
};

// Fills `config` (the program's struct, zeroed by the caller). Trees point into *ret_doc, which the
// caller frees after the config (NULL if there was neither a file nor a tree). STATUS_CONFIG with a
// place.
MUST_USE enum status cfg_load(const struct cfg_table *table, const struct cfg_sources *sources,
                              void *config, struct yamldoc **ret_doc, struct diag *reterr);
// Completes a fault that was found after cfg_load: where the option got its value that the path of
// `diag` names. Leaves one that names a file, or no option. `doc` is that of cfg_load.
void cfg_blame(const struct cfg_table *table, const struct cfg_sources *sources,
               const struct yamldoc *doc, struct diag *diag);
void cfg_fini(const struct cfg_table *table, void *config); // frees texts and lists

// Exchanges the live options that differ, and tells the keys of the others that do: `running` has
// the new values, `fresh` the old ones to be freed. Trees are left to who reads them.
void cfg_take_live(const struct cfg_table *table, void *running, void *fresh,
                   void (*tell_fixed)(void *context, const char *key), void *context);
// Whether `word` is the key of an option.
bool cfg_is_key(const struct cfg_table *table, struct span word);

void cfg_help(const struct cfg_table *table, struct buf *out);     // for --help
void cfg_markdown(const struct cfg_table *table, struct buf *out); // a table for docs/
// The effective values as YAML that loads back to the same.
void cfg_dump(const struct cfg_table *table, const void *config, struct buf *out);
// The nearest of `count` names by edit distance, or NULL if none is near.
const char *cfg_nearest(struct span word, const char *const *names, size_t count);
