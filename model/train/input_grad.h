// The way back through the input: which rows of which tables a minibatch used, and from the
// gradient of x to that of every use (spec/algorithm.md 1.1, 1.2).
#pragma once

#include "model/train/input_train.h"

// Registers the rows of every feature with its table. STATUS_NO_MEMORY.
MUST_USE enum status input_grad_uses(struct input_train *input, struct diag *reterr);
// From input->grad, and DIN's gradients of behaviours and targets, to the tables' gradients.
void input_grad_scatter(struct input_train *input);
// Whether the feature's columns are in x.
bool input_grad_sees(const struct input_train *input, const struct schema_feature *feature);
