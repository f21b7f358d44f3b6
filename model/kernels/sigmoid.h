// The logistic function, by our own exponential: the same bits on every machine (no libm).
#pragma once

// 1 / (1 + exp(-s)): within 2 ulp of the exact value, denormal results within 2 of their units.
// Never falls where s rises. sigmoid_of(0) is 0.5; 1 from about 37 on, 0 below -745.2; NaN for NaN
// alone.
double sigmoid_of(double s);
