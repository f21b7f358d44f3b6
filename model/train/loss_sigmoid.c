#include "model/train/loss_sigmoid.h"

#include <math.h>

double loss_sigmoid(double s)
{
    double e = exp(-fabs(s));
    return s >= 0 ? 1 / (1 + e) : e / (1 + e);
}
