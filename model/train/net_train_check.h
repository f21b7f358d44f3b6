// What a network that learns may be asked to be.
#pragma once

#include "model/train/net_train.h"

// STATUS_CONFIG with the words, for the first thing that cannot be.
MUST_USE enum status net_train_check(const struct net_train_config *config, struct diag *reterr);
