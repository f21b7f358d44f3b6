// From features that stand by themselves to a whole: names become places, tables are found, cells
// and columns are laid out. Every maker of a schema ends here.
#pragma once

#include "model/schema.h"
#include "model/schema_rules.h"

// Sorts the features by group and fills in everything that follows from them. `place` is that of
// the whole list. Faults: names that lead nowhere or to a feature of the wrong kind, a student's
// feature that needs a privileged one, too many columns, nothing left to serve.
MUST_USE enum status schema_plan(const struct schema_rules_place *place, struct schema *schema,
                                 struct diag *reterr);
