#include "model/din.h"
#include <stdlib.h>
enum status din_new(const struct din_weights *weights, const struct kernels *kernels,
                             struct din **ret_din, struct diag *reterr) { (void)weights; (void)kernels; (void)ret_din; (void)reterr; abort(); }
void din_free(struct din *din) { (void)din; }
size_t din_once_floats(const struct din *din, size_t behaviours) { (void)din; return behaviours; }
void din_once(const struct din *din, const float *behaviour, size_t behaviours, float *once) { (void)din; (void)behaviour; (void)behaviours; (void)once; }
size_t din_scratch_bytes(const struct din *din, size_t behaviours) { (void)din; return behaviours; }
void din_forward(const struct din *din, const float *once, const float *behaviour,
                 size_t behaviours, const float *target, size_t target_stride, size_t n, float *u,
                 size_t u_stride, void *scratch) { (void)din; (void)once; (void)behaviour; (void)behaviours; (void)target; (void)target_stride; (void)n; (void)u; (void)u_stride; (void)scratch; }
