#include "tests/support/near.h"

#include "tests/support/check.h"

#include <math.h>
#include <stdbool.h>

void near_is(double got, double want, double allowed)
{
    bool same = isnan(want) ? isnan(got) : got == want || fabs(got - want) <= allowed;
    if (!same)
        fail_msg("got %.17g, want %.17g within %.3g", got, want, allowed);
}
