#include "model/kernels/elementwise.h"
#include "model/kernels/sets.h"

#include <assert.h>
#include <math.h>

#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

// 6 rows x 2 vectors of sums, two vectors of weights, one value: of 16 registers one is left over.
enum { LANES = 8, TILE_ROWS = 6 };

// max(0, x) and not max(x, 0): the second operand is the result where one is NaN, or both are zero.
static inline __m256 relu_of(__m256 x)
{
    return _mm256_max_ps(_mm256_setzero_ps(), x);
}

// Half a panel, `rows` x 16, inlined for each constant number of rows so that the sums stay in
// registers.
static inline __attribute__((always_inline)) void tile(size_t rows, const float *x, size_t x_stride,
                                                       const float *panel, size_t in,
                                                       const float *init, size_t init_stride,
                                                       bool relu, float *y, size_t y_stride)
{
    __m256 low[TILE_ROWS], high[TILE_ROWS];
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
        low[i] = _mm256_loadu_ps(init + i * init_stride);
        high[i] = _mm256_loadu_ps(init + i * init_stride + LANES);
    }
    for (size_t k = 0; k < in; k++) {
        __m256 w_low = _mm256_load_ps(panel + k * KERNELS_PANEL);
        __m256 w_high = _mm256_load_ps(panel + k * KERNELS_PANEL + LANES);
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++) {
            __m256 value = _mm256_broadcast_ss(x + i * x_stride + k);
            low[i] = _mm256_fmadd_ps(value, w_low, low[i]);
            high[i] = _mm256_fmadd_ps(value, w_high, high[i]);
        }
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
        _mm256_storeu_ps(y + i * y_stride, relu ? relu_of(low[i]) : low[i]);
        _mm256_storeu_ps(y + i * y_stride + LANES, relu ? relu_of(high[i]) : high[i]);
    }
}

static void tile_of(size_t rows, const float *x, size_t x_stride, const float *panel, size_t in,
                    const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    switch (rows) {
    case 1:
        tile(1, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 2:
        tile(2, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 3:
        tile(3, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 4:
        tile(4, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 5:
        tile(5, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    default:
        assert(rows == TILE_ROWS);
        tile(6, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    }
}

// As in avx512.c, by half panels.
void avx2_dense(const float *x, size_t n, size_t x_stride, const struct kernels_panels *w,
                const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    size_t tiles = (n + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t first = 0; first < w->out; first += KERNELS_LINE) {
        size_t within = first % KERNELS_PANEL;
        const float *panel = w->data + (first - within) * w->in + within;
        for (size_t t = 0; t < tiles; t++) {
            size_t begin = t * n / tiles, end = (t + 1) * n / tiles;
            tile_of(end - begin, x + begin * x_stride, x_stride, panel, w->in,
                    init + begin * init_stride + first, init_stride, relu,
                    y + begin * y_stride + first, y_stride);
        }
    }
}

// The first `count` (0..8) lanes.
static inline __m256i mask_of(size_t count)
{
    __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

// The last, incomplete eight. Lanes beyond the end must not even add a zero: it would turn -0 into
// +0.
static inline __m256 narrow_rest(const float *x, const float *w, size_t count, __m256 partial)
{
    __m256i mask = mask_of(count);
    __m256 sum = _mm256_fmadd_ps(_mm256_maskload_ps(x, mask), _mm256_maskload_ps(w, mask), partial);
    return _mm256_blendv_ps(partial, sum, _mm256_castsi256_ps(mask));
}

static inline float narrow_one(const float *x, const float *w, size_t in, float bias)
{
    __m256 low = _mm256_setzero_ps(), high = _mm256_setzero_ps();
    size_t k = 0;
    for (; k + KERNELS_NARROW <= in; k += KERNELS_NARROW) {
        low = _mm256_fmadd_ps(_mm256_loadu_ps(x + k), _mm256_loadu_ps(w + k), low);
        high =
            _mm256_fmadd_ps(_mm256_loadu_ps(x + k + LANES), _mm256_loadu_ps(w + k + LANES), high);
    }
    size_t rest = in - k;
    low = narrow_rest(x + k, w + k, rest < LANES ? rest : LANES, low);
    if (rest > LANES)
        high = narrow_rest(x + k + LANES, w + k + LANES, rest - LANES, high);
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    __m128 one = _mm_add_ss(two, _mm_movehdup_ps(two));
    return _mm_cvtss_f32(one) + bias;
}

void avx2_narrow(const float *x, size_t n, size_t x_stride, const float *w, size_t in, size_t out,
                 const float *bias, bool relu, float *y, size_t y_stride)
{
    assert(out < KERNELS_NARROW);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            float sum = narrow_one(x + i * x_stride, w + j * in, in, bias[j]);
            y[i * y_stride + j] = relu && sum < 0 ? 0 : sum;
        }
}

static inline __m256 log1p_of(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1), sign_bit = _mm256_set1_ps(-0.0F);
    const __m256i sqrt_half = _mm256_set1_epi32(sets_sqrt_half_bits);
    __m256 a = _mm256_andnot_ps(sign_bit, x);
    __m256 u = _mm256_add_ps(one, a);
    __m256 big = _mm256_max_ps(a, one), small = _mm256_min_ps(a, one);
    __m256 lost = _mm256_div_ps(_mm256_sub_ps(small, _mm256_sub_ps(u, big)), u);
    __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(u), sqrt_half);
    __m256i exponent = _mm256_srai_epi32(bits, 23);
    __m256i mantissa =
        _mm256_add_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(sets_mantissa_bits)), sqrt_half);
    __m256 k = _mm256_cvtepi32_ps(exponent);
    __m256 whole = _mm256_castsi256_ps(_mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()));
    __m256 f = _mm256_blendv_ps(_mm256_sub_ps(_mm256_castsi256_ps(mantissa), one), a, whole);
    __m256 c = _mm256_andnot_ps(whole, lost);
    __m256 s = _mm256_div_ps(f, _mm256_add_ps(_mm256_set1_ps(2), f)), z = _mm256_mul_ps(s, s);
    __m256 r = _mm256_set1_ps(sets_atanh9);
    r = _mm256_add_ps(_mm256_set1_ps(sets_atanh7), _mm256_mul_ps(z, r));
    r = _mm256_add_ps(_mm256_set1_ps(sets_atanh5), _mm256_mul_ps(z, r));
    r = _mm256_add_ps(_mm256_set1_ps(sets_atanh3), _mm256_mul_ps(z, r));
    r = _mm256_mul_ps(z, r);
    __m256 low = _mm256_add_ps(_mm256_mul_ps(k, _mm256_set1_ps(sets_ln2_lo)), c);
    __m256 y = _mm256_sub_ps(f, _mm256_sub_ps(_mm256_mul_ps(s, _mm256_sub_ps(f, r)), low));
    y = _mm256_add_ps(_mm256_mul_ps(k, _mm256_set1_ps(sets_ln2_hi)), y);
    y = _mm256_or_ps(y, _mm256_and_ps(x, sign_bit));
    return _mm256_blendv_ps(x, y, _mm256_cmp_ps(a, _mm256_set1_ps(INFINITY), _CMP_LT_OQ));
}

void avx2_log1p(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i, log1p_of(_mm256_loadu_ps(x + i)));
    __m256i rest = mask_of(n - i);
    _mm256_maskstore_ps(y + i, rest, log1p_of(_mm256_maskload_ps(x + i, rest)));
}

static inline __m256 exp_of(__m256 x)
{
    const __m256 round = _mm256_set1_ps(sets_round);
    __m256 t = _mm256_fmadd_ps(x, _mm256_set1_ps(sets_log2_e), round), k = _mm256_sub_ps(t, round);
    __m256 r = _mm256_fnmadd_ps(k, _mm256_set1_ps(sets_ln2_hi), x);
    r = _mm256_fnmadd_ps(k, _mm256_set1_ps(sets_ln2_lo), r);
    __m256 p = _mm256_set1_ps(sets_exp[0]);
#pragma GCC unroll 8
    for (size_t i = 1; i < SETS_EXP; i++)
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(sets_exp[i]));
    __m256i bits = _mm256_castps_si256(t);
    bits = _mm256_add_epi32(bits, _mm256_set1_epi32((int)sets_exponent_bias));
    bits = _mm256_slli_epi32(bits, sets_mantissa_width);
    __m256 y = _mm256_mul_ps(p, _mm256_castsi256_ps(bits));
    return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_set1_ps(sets_exp_least), _CMP_NLT_UQ), y);
}

void avx2_exp(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i, exp_of(_mm256_loadu_ps(x + i)));
    __m256i rest = mask_of(n - i);
    _mm256_maskstore_ps(y + i, rest, exp_of(_mm256_maskload_ps(x + i, rest)));
}

static inline __m256 sigmoid_of(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1);
    __m256 e = exp_of(_mm256_or_ps(x, _mm256_set1_ps(-0.0F)));
    __m256 below = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ);
    return _mm256_div_ps(_mm256_blendv_ps(one, e, below), _mm256_add_ps(one, e));
}

void avx2_sigmoid(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm256_storeu_ps(y + i, sigmoid_of(_mm256_loadu_ps(x + i)));
    __m256i rest = mask_of(n - i);
    _mm256_maskstore_ps(y + i, rest, sigmoid_of(_mm256_maskload_ps(x + i, rest)));
}

void avx2_pool(const float *a, const float *x, size_t n, size_t x_stride, size_t width, float *y)
{
    for (size_t k = 0; k < width; k += LANES) {
        __m256i mask = mask_of(width - k < LANES ? width - k : LANES);
        __m256 acc = _mm256_setzero_ps();
        for (size_t i = 0; i < n; i++)
            acc = _mm256_fmadd_ps(_mm256_broadcast_ss(a + i),
                                  _mm256_maskload_ps(x + i * x_stride + k, mask), acc);
        _mm256_maskstore_ps(y + k, mask, acc);
    }
}

ELEMENTWISE(avx2)
#endif
