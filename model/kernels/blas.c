#include "model/kernels/blas.h"

#include "base/log.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static blasint int_of(size_t size)
{
    assert(size <= INT_MAX);
    return (blasint)size;
}

// BLAS wants a leading dimension of at least 1, even for an empty matrix.
static blasint stride_of(size_t stride, size_t columns)
{
    assert(stride >= columns);
    return int_of(stride > 0 ? stride : 1);
}

void blas_forward(size_t n, size_t in, size_t out, const float *x, size_t x_stride, const float *w,
                  size_t w_stride, float *y, size_t y_stride)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int_of(n), int_of(out), int_of(in), 1.0F,
                x, stride_of(x_stride, in), w, stride_of(w_stride, in), 0.0F, y,
                stride_of(y_stride, out));
}

void blas_grad_input(size_t n, size_t in, size_t out, const float *g, size_t g_stride,
                     const float *w, size_t w_stride, float *dx, size_t dx_stride)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, int_of(n), int_of(in), int_of(out), 1.0F,
                g, stride_of(g_stride, out), w, stride_of(w_stride, in), 0.0F, dx,
                stride_of(dx_stride, in));
}

void blas_grad_weight(size_t n, size_t in, size_t out, const float *g, size_t g_stride,
                      const float *x, size_t x_stride, float *dw, size_t dw_stride)
{
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, int_of(out), int_of(in), int_of(n), 1.0F,
                g, stride_of(g_stride, out), x, stride_of(x_stride, in), 0.0F, dw,
                stride_of(dw_stride, in));
}

void blas_setup(void)
{
    openblas_set_num_threads(1);
}

const char *blas_core_name(void)
{
    return openblas_get_corename();
}

const char *blas_version(void)
{
    return openblas_get_config();
}

enum core_level { CORE_SSE, CORE_AVX2 };

// The x86-64 cores of OpenBLAS that lack AVX-512, and what they reach.
static const struct core {
    const char *name;
    enum core_level level;
} old_cores[] = {
    {"Prescott", CORE_SSE},    {"Core2", CORE_SSE},      {"Penryn", CORE_SSE},
    {"Dunnington", CORE_SSE},  {"Atom", CORE_SSE},       {"Nehalem", CORE_SSE},
    {"Sandybridge", CORE_SSE}, {"Opteron", CORE_SSE},    {"Opteron_SSE3", CORE_SSE},
    {"Barcelona", CORE_SSE},   {"Bobcat", CORE_SSE},     {"Nano", CORE_SSE},
    {"Bulldozer", CORE_SSE},   {"Piledriver", CORE_SSE}, {"Steamroller", CORE_SSE},
    {"Excavator", CORE_SSE},   {"Haswell", CORE_AVX2},   {"Zen", CORE_AVX2},
};

const char *blas_better_core(const char *core, bool avx2, bool avx512)
{
    for (size_t i = 0; i < sizeof(old_cores) / sizeof(old_cores[0]); i++) {
        if (strcmp(core, old_cores[i].name) != 0)
            continue;
        if (avx512)
            return "SkylakeX";
        return avx2 && old_cores[i].level < CORE_AVX2 ? "Haswell" : NULL;
    }
    return NULL;
}

enum status blas_restart(char *const argv[], struct diag *reterr)
{
    static const char guard[] = "CTR_BLAS_RESTARTED";
    if (getenv("OPENBLAS_CORETYPE") != NULL || getenv(guard) != NULL)
        return STATUS_OK;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
#else
    bool avx2 = false, avx512 = false;
#endif
    const char *better = blas_better_core(blas_core_name(), avx2, avx512);
    if (better == NULL)
        return STATUS_OK;
    if (setenv("OPENBLAS_CORETYPE", better, 1) != 0 || setenv(guard, "1", 1) != 0)
        return diag_set(reterr, STATUS_NO_MEMORY, "cannot extend the environment");
    execv("/proc/self/exe", argv);
    // Without /proc it cannot be: slower kernels compute the same sums.
    unsetenv("OPENBLAS_CORETYPE");
    LOG_EVENT(LOG_WARN, "cannot execute again for faster OpenBLAS kernels", LOG_S("core", better),
              LOG_S("reason", strerror(errno)));
    return STATUS_OK;
}
