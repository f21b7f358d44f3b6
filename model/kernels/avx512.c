#include "model/kernels/elementwise.h"
#include "model/kernels/sets.h"

#include <assert.h>
#include <math.h>

#if defined(__AVX512F__)
#include <immintrin.h>

// 14 rows x 2 vectors of sums, two vectors of weights: of 32 registers one is left over.
enum { LANES = 16, TILE_ROWS = 14 };

// max(0, x) and not max(x, 0): the second operand is the result where one is NaN, or both are zero.
static inline __m512 relu_of(__m512 x)
{
    return _mm512_max_ps(_mm512_setzero_ps(), x);
}

// A tile of `rows` x 32, or x 16 where not `whole`; inlined for each constant number of rows so
// that the sums stay in registers.
static inline __attribute__((always_inline)) void
tile(size_t rows, bool whole, const float *x, size_t x_stride, const float *panel, size_t in,
     const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    __m512 low[TILE_ROWS], high[TILE_ROWS];
#pragma GCC unroll 14
    for (size_t i = 0; i < rows; i++) {
        low[i] = _mm512_loadu_ps(init + i * init_stride);
        if (whole)
            high[i] = _mm512_loadu_ps(init + i * init_stride + LANES);
    }
    for (size_t k = 0; k < in; k++) {
        __m512 w_low = _mm512_load_ps(panel + k * KERNELS_PANEL);
        __m512 w_high = _mm512_load_ps(panel + k * KERNELS_PANEL + LANES);
#pragma GCC unroll 14
        for (size_t i = 0; i < rows; i++) {
            __m512 value = _mm512_set1_ps(x[i * x_stride + k]);
            low[i] = _mm512_fmadd_ps(value, w_low, low[i]);
            if (whole)
                high[i] = _mm512_fmadd_ps(value, w_high, high[i]);
        }
    }
#pragma GCC unroll 14
    for (size_t i = 0; i < rows; i++) {
        _mm512_storeu_ps(y + i * y_stride, relu ? relu_of(low[i]) : low[i]);
        if (whole)
            _mm512_storeu_ps(y + i * y_stride + LANES, relu ? relu_of(high[i]) : high[i]);
    }
}

static inline __attribute__((always_inline)) void
tile_of(size_t rows, bool whole, const float *x, size_t x_stride, const float *panel, size_t in,
        const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    switch (rows) {
    case 1:
        tile(1, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 2:
        tile(2, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 3:
        tile(3, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 4:
        tile(4, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 5:
        tile(5, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 6:
        tile(6, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 7:
        tile(7, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 8:
        tile(8, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 9:
        tile(9, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 10:
        tile(10, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 11:
        tile(11, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 12:
        tile(12, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    case 13:
        tile(13, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    default:
        assert(rows == TILE_ROWS);
        tile(14, whole, x, x_stride, panel, in, init, init_stride, relu, y, y_stride);
        break;
    }
}

// Panels outside, rows inside: a panel is read from the second cache for every tile, and is the
// only thing that must stay there. Tiles of almost equal height, since a low one cannot hide the
// latency of its own additions.
void avx512_dense(const float *x, size_t n, size_t x_stride, const struct kernels_panels *w,
                  const float *init, size_t init_stride, bool relu, float *y, size_t y_stride)
{
    size_t tiles = (n + TILE_ROWS - 1) / TILE_ROWS;
    for (size_t first = 0; first < w->out; first += KERNELS_PANEL) {
        const float *panel = w->data + first * w->in;
        for (size_t t = 0; t < tiles; t++) {
            size_t begin = t * n / tiles, rows = (t + 1) * n / tiles - begin;
            const float *from = x + begin * x_stride, *start = init + begin * init_stride + first;
            float *to = y + begin * y_stride + first;
            if (w->out - first > LANES)
                tile_of(rows, true, from, x_stride, panel, w->in, start, init_stride, relu, to,
                        y_stride);
            else
                tile_of(rows, false, from, x_stride, panel, w->in, start, init_stride, relu, to,
                        y_stride);
        }
    }
}

static inline float narrow_one(const float *x, const float *w, size_t in, float bias)
{
    __m512 partial = _mm512_setzero_ps();
    size_t k = 0;
    for (; k + LANES <= in; k += LANES)
        partial = _mm512_fmadd_ps(_mm512_loadu_ps(x + k), _mm512_loadu_ps(w + k), partial);
    // Lanes beyond the end must not even add a zero: it would turn -0 into +0.
    __mmask16 rest = (__mmask16)((1U << (in - k)) - 1);
    partial = _mm512_mask3_fmadd_ps(_mm512_maskz_loadu_ps(rest, x + k),
                                    _mm512_maskz_loadu_ps(rest, w + k), partial, rest);
    __m256 eight =
        _mm256_add_ps(_mm512_castps512_ps256(partial), _mm512_extractf32x8_ps(partial, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    __m128 one = _mm_add_ss(two, _mm_movehdup_ps(two));
    return _mm_cvtss_f32(one) + bias;
}

void avx512_narrow(const float *x, size_t n, size_t x_stride, const float *w, size_t in, size_t out,
                   const float *bias, bool relu, float *y, size_t y_stride)
{
    assert(out < KERNELS_NARROW);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < out; j++) {
            float sum = narrow_one(x + i * x_stride, w + j * in, in, bias[j]);
            y[i * y_stride + j] = relu && sum < 0 ? 0 : sum;
        }
}

static inline __m512 log1p_of(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1);
    const __m512i sqrt_half = _mm512_set1_epi32(sets_sqrt_half_bits);
    __m512 a = _mm512_abs_ps(x);
    __m512 u = _mm512_add_ps(one, a);
    __m512 big = _mm512_max_ps(a, one), small = _mm512_min_ps(a, one);
    __m512 lost = _mm512_div_ps(_mm512_sub_ps(small, _mm512_sub_ps(u, big)), u);
    __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(u), sqrt_half);
    __m512i exponent = _mm512_srai_epi32(bits, 23);
    __m512i mantissa =
        _mm512_add_epi32(_mm512_and_si512(bits, _mm512_set1_epi32(sets_mantissa_bits)), sqrt_half);
    __m512 k = _mm512_cvtepi32_ps(exponent);
    __mmask16 scaled = _mm512_test_epi32_mask(exponent, exponent);
    __m512 f = _mm512_mask_sub_ps(a, scaled, _mm512_castsi512_ps(mantissa), one);
    __m512 c = _mm512_maskz_mov_ps(scaled, lost);
    __m512 s = _mm512_div_ps(f, _mm512_add_ps(_mm512_set1_ps(2), f)), z = _mm512_mul_ps(s, s);
    __m512 r = _mm512_set1_ps(sets_atanh9);
    r = _mm512_add_ps(_mm512_set1_ps(sets_atanh7), _mm512_mul_ps(z, r));
    r = _mm512_add_ps(_mm512_set1_ps(sets_atanh5), _mm512_mul_ps(z, r));
    r = _mm512_add_ps(_mm512_set1_ps(sets_atanh3), _mm512_mul_ps(z, r));
    r = _mm512_mul_ps(z, r);
    __m512 low = _mm512_add_ps(_mm512_mul_ps(k, _mm512_set1_ps(sets_ln2_lo)), c);
    __m512 y = _mm512_sub_ps(f, _mm512_sub_ps(_mm512_mul_ps(s, _mm512_sub_ps(f, r)), low));
    y = _mm512_add_ps(_mm512_mul_ps(k, _mm512_set1_ps(sets_ln2_hi)), y);
    __m512 sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0F));
    __mmask16 finite = _mm512_cmp_ps_mask(a, _mm512_set1_ps(INFINITY), _CMP_LT_OQ);
    return _mm512_mask_or_ps(x, finite, y, sign);
}

void avx512_log1p(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(y + i, log1p_of(_mm512_loadu_ps(x + i)));
    __mmask16 rest = (__mmask16)((1U << (n - i)) - 1);
    _mm512_mask_storeu_ps(y + i, rest, log1p_of(_mm512_maskz_loadu_ps(rest, x + i)));
}

static inline __m512 exp_of(__m512 x)
{
    const __m512 round = _mm512_set1_ps(sets_round);
    __m512 t = _mm512_fmadd_ps(x, _mm512_set1_ps(sets_log2_e), round), k = _mm512_sub_ps(t, round);
    __m512 r = _mm512_fnmadd_ps(k, _mm512_set1_ps(sets_ln2_hi), x);
    r = _mm512_fnmadd_ps(k, _mm512_set1_ps(sets_ln2_lo), r);
    __m512 p = _mm512_set1_ps(sets_exp[0]);
#pragma GCC unroll 8
    for (size_t i = 1; i < SETS_EXP; i++)
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(sets_exp[i]));
    __m512i bits = _mm512_castps_si512(t);
    bits = _mm512_add_epi32(bits, _mm512_set1_epi32((int)sets_exponent_bias));
    bits = _mm512_slli_epi32(bits, sets_mantissa_width);
    __mmask16 kept = _mm512_cmp_ps_mask(x, _mm512_set1_ps(sets_exp_least), _CMP_NLT_UQ);
    return _mm512_maskz_mul_ps(kept, p, _mm512_castsi512_ps(bits));
}

void avx512_exp(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(y + i, exp_of(_mm512_loadu_ps(x + i)));
    __mmask16 rest = (__mmask16)((1U << (n - i)) - 1);
    _mm512_mask_storeu_ps(y + i, rest, exp_of(_mm512_maskz_loadu_ps(rest, x + i)));
}

static inline __m512 sigmoid_of(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1);
    __m512 e = exp_of(_mm512_or_ps(x, _mm512_set1_ps(-0.0F)));
    __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ);
    return _mm512_div_ps(_mm512_mask_mov_ps(one, below, e), _mm512_add_ps(one, e));
}

void avx512_sigmoid(const float *x, size_t n, float *y)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        _mm512_storeu_ps(y + i, sigmoid_of(_mm512_loadu_ps(x + i)));
    __mmask16 rest = (__mmask16)((1U << (n - i)) - 1);
    _mm512_mask_storeu_ps(y + i, rest, sigmoid_of(_mm512_maskz_loadu_ps(rest, x + i)));
}

void avx512_pool(const float *a, const float *x, size_t n, size_t x_stride, size_t width, float *y)
{
    for (size_t k = 0; k < width; k += LANES) {
        __mmask16 mask = (__mmask16)(width - k < LANES ? (1U << (width - k)) - 1 : 0xffff);
        __m512 acc = _mm512_setzero_ps();
        for (size_t i = 0; i < n; i++)
            acc = _mm512_fmadd_ps(_mm512_set1_ps(a[i]),
                                  _mm512_maskz_loadu_ps(mask, x + i * x_stride + k), acc);
        _mm512_mask_storeu_ps(y + k, mask, acc);
    }
}

ELEMENTWISE(avx512)
#endif
