// A sum that does not depend on the order in which its terms came.
#pragma once

#include <stddef.h>

// Sorts the values ascending, in place, and adds them up. No value is NaN.
double sorted_sum(double *values, size_t count);
