// A bounded first-in first-out queue of pointers between threads. Full is an answer, not a wait.
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct queue; // owns a mutex and a condition

MUST_USE struct queue *queue_new(size_t capacity);              // NULL: no memory
void queue_free(struct queue *queue);                           // must be empty of waiters
MUST_USE bool queue_put(struct queue *queue, void *item);       // false: full or closed
MUST_USE bool queue_take(struct queue *queue, void **ret_item); // waits; false: closed and empty
// Takes out every item for which `gone` is true, which may let go of it; the others keep their
// order. Returns how many went.
size_t queue_sweep(struct queue *queue, bool (*gone)(void *item));
void queue_close(struct queue *queue); // no more puts; takers get what is left, then false
size_t queue_depth(struct queue *queue);
bool queue_is_idle(struct queue *queue); // open, and nothing waits in it
