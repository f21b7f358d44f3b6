// What the parts of the lifecycle share. The thread alone loads, adds and removes resident
// versions; everything here is changed under the lock.
#pragma once

#include "server/lifecycle.h"

#include <pthread.h>
#include <sys/types.h>

enum { LIFECYCLE_FAILURES = 16, LIFECYCLE_LOAD_BOUNDS = 7 };

// A version's file, and how to see that it is another one by now.
struct lifecycle_file {
    uint64_t version; // 0: none
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed; // ctime: what sets times cannot set it
};

struct lifecycle_failure {
    struct lifecycle_file file; // that was refused
    bool in_use;                // only because the version was, with another content
    char words[384];            // without the path
};

struct lifecycle_resident {
    struct registry_version *version; // held once
    struct lifecycle_file file;       // as it was before it was read
    bool in_policy;                   // the plan asks for it
    bool asked;                       // somebody did: stays until room is needed
};

struct lifecycle_entry {
    const struct lifecycle_model *plan;
    size_t count;
    struct lifecycle_resident residents[REGISTRY_MOST_VERSIONS]; // descending
    struct registry_version *current, *before;                   // resident, or NULL
    size_t label_count;
    struct registry_label labels[REGISTRY_MOST_LABELS];
    bool moved[REGISTRY_MOST_LABELS]; // the label, by hand
    bool held;                        // after a rollback
    bool starved;                     // the last look ran out of memory
    unsigned crowded;                 // versions for which it had no place,
    uint64_t crowded_out;             // the last of them
    uint64_t loading;                 // version; 0: none
    uint64_t told;                    // version of which the log says that it serves; 0: none
    size_t next_failure;
    struct lifecycle_failure failures[LIFECYCLE_FAILURES];
    uint64_t loads, failed_loads;
    uint64_t load_buckets[LIFECYCLE_LOAD_BOUNDS + 1];
    double load_seconds;                           // sum
    int64_t last_load_s;                           // since 1970, of the last that went well
    int folder_watch, version_watch, stable_watch; // inotify; -1: none
    // With the folder that the model had before: serves until this one has a version. Or NULL.
    struct lifecycle_entry *former;
};

struct lifecycle_command {
    struct lifecycle_command *next;
    char model[STORE_NAME_BYTES + 1];
    uint64_t version;
    lifecycle_done_fn *done;
    void *context;
};

struct lifecycle {
    pthread_mutex_t lock;
    pthread_t thread;
    bool started, stopped, rescan;
    int wake_fd;    // eventfd
    int inotify_fd; // -1: nothing is watched
    struct registry *registry;
    struct lifecycle_parts parts;
    struct lifecycle_plan plan;      // in force
    struct lifecycle_plan next_plan; // models NULL: none
    struct lifecycle_command *first, **last;
    struct lifecycle_entry *entries; // (plan.count)
};

MUST_USE enum status lifecycle_plan_copy(const struct lifecycle_plan *plan,
                                         struct lifecycle_plan *ret_copy, struct diag *reterr);

void lifecycle_wake(struct lifecycle *lifecycle); // the thread
enum status lifecycle_stopping(struct diag *reterr);
enum status lifecycle_no_model(const char *model, struct diag *reterr);
// The version that the plan has the label stable on; 0: none, or the newest.
uint64_t lifecycle_plans_stable(const struct lifecycle_model *model);
bool lifecycle_plans_label(const struct lifecycle_model *model, const char *name);
struct lifecycle_entry *lifecycle_find(struct lifecycle *lifecycle, const char *model);
struct lifecycle_resident *lifecycle_resident(struct lifecycle_entry *entry, uint64_t version);
// Where the label is in `labels`; label_count: nowhere.
size_t lifecycle_label_at(const struct lifecycle_entry *entry, const char *name);
// Under the lock: what serves those who name no version: the label stable, or the current one;
// NULL: none.
const struct registry_version *lifecycle_serving(const struct lifecycle_entry *entry);
// Under the lock: the log tells of what serves now. Returns its version, 0: nothing does.
uint64_t lifecycle_tell(struct lifecycle_entry *entry);
// Under the lock: makes the view of all entries the one that serves.
MUST_USE enum status lifecycle_publish(struct lifecycle *lifecycle);

// Of the thread, without the lock; each publishes what has changed.
// STATUS_NO_MEMORY, STATUS_UNAVAILABLE (nothing of the plan can serve, and something does): the
// plan in force stays.
MUST_USE enum status lifecycle_adopt(struct lifecycle *lifecycle, struct lifecycle_plan *plan);
void lifecycle_sync(struct lifecycle *lifecycle, struct lifecycle_entry *entry);
void lifecycle_empty(struct lifecycle *lifecycle, struct lifecycle_entry *entry); // under the lock
// Loads the version whatever is known of it. 0: the newest that there is, which serves then.
enum status lifecycle_load_now(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                               uint64_t version, uint64_t *ret_version, struct diag *reterr);

// Of the thread, without the lock. Resident already, or loaded now; the log tells of what is read.
MUST_USE enum status lifecycle_ensure(struct lifecycle *lifecycle, struct lifecycle_entry *entry,
                                      uint64_t version, struct diag *reterr);
// Whether it is resident, loaded now if need be and its file is not known to be bad. What is in use
// stays so, whatever has become of its file.
bool lifecycle_have(struct lifecycle *lifecycle, struct lifecycle_entry *entry, uint64_t version);
bool lifecycle_is_bad(struct lifecycle *lifecycle, struct lifecycle_entry *entry, uint64_t version);
// Somebody gets it: it stays what it is. `resident` may be NULL.
bool lifecycle_in_use(const struct lifecycle_entry *entry,
                      const struct lifecycle_resident *resident);
bool lifecycle_has_room(const struct lifecycle_entry *entry); // for one more
// Under the lock: the resident at `at` goes; all go that nobody needs or has asked for.
void lifecycle_drop(struct lifecycle *lifecycle, struct lifecycle_entry *entry, size_t at);
void lifecycle_evict(struct lifecycle *lifecycle, struct lifecycle_entry *entry);

// Has the kernel tell of changes in the model's folder and in that of its newest version.
void lifecycle_watch(struct lifecycle *lifecycle, struct lifecycle_entry *entry);
void lifecycle_unwatch(struct lifecycle *lifecycle, struct lifecycle_entry *entry);
// Reads what has happened; true if there was anything.
bool lifecycle_watch_read(struct lifecycle *lifecycle);
