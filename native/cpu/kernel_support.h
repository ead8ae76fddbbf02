// What every CPU kernel file needs: vectors, the pool, typed access to a call.
#pragma once

#include "core/kernel.h"
#include "cpu/simd.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// parallel(pool, n, [&](int64_t i, int thread) { … }); the lambda must live in an unnamed namespace
/// function so that its code stays in this ISA level.
template <class Body> inline void parallel(Pool &pool, int64_t tasks, Body &&body) {
  pool.run(
      pool, tasks,
      [](void *context, int64_t index, int thread) {
        (*static_cast<__typeof__(&body)>(context))(index, thread);
      },
      &body);
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/// Elements a task takes: enough to pay for claiming it, few enough to share evenly.
constexpr int64_t task_elements = 16384;

/// body(row) for rows of `width` elements, several to a task.
template <class Body>
inline void parallel_rows(Pool &pool, int64_t rows, int64_t width, Body &&body) {
  const int64_t per_task = larger(1, task_elements / larger(1, width));
  parallel(pool, ceil_div(rows, per_task), [&](int64_t task, int) {
    const int64_t end = smaller(rows, (task + 1) * per_task);
    for (int64_t row = task * per_task; row < end; row++)
      body(row);
  });
}

/// body(begin, end) for the parts of `count` elements; tasks begin at multiples of task_elements.
template <class Body> inline void parallel_elements(Pool &pool, int64_t count, Body &&body) {
  parallel(pool, ceil_div(count, task_elements), [&](int64_t task, int) {
    const int64_t begin = task * task_elements;
    body(begin, smaller(count, begin + task_elements));
  });
}

inline const float *floats(const Tensor &t) { return static_cast<const float *>(t.data); }
inline float *floats_out(const Tensor &t) { return static_cast<float *>(t.data); }
inline const int32_t *integers(const Tensor &t) { return static_cast<const int32_t *>(t.data); }

/// Product of all dims but the last.
inline int64_t rows_of(const Tensor &t) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < t.rank; i++)
    rows *= t.shape[i];
  return rows;
}
inline bool is_contiguous(const Tensor &t) {
  return t.rank == 1 || t.row_stride == t.shape[t.rank - 1];
}
inline int64_t last_of(const Tensor &t) { return t.shape[t.rank - 1]; }

/// One element of a weight as it is stored; files promise no alignment.
inline float stored_value(const void *data, DType dtype, int64_t index) {
  if (dtype == DType::f32) {
    float value;
    __builtin_memcpy(&value, static_cast<const uint8_t *>(data) + 4 * index, 4);
    return value;
  }
  uint16_t bits;
  __builtin_memcpy(&bits, static_cast<const uint8_t *>(data) + 2 * index, 2);
  return dtype == DType::f16 ? half_to_float(bits) : bfloat_to_float(bits);
}

/// `count` elements of a weight, zeros after them.
inline Vec stored_values(const void *data, DType dtype, int64_t index, int64_t count) {
  if (dtype == DType::f32)
    return load_partial((const float *)data + index, count);
#if defined(__AVX512F__)
  if (count == lanes) {
    const __m256i stored = _mm256_loadu_si256((const __m256i *)((const uint16_t *)data + index));
    if (dtype == DType::bf16)
      return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(stored), 16);
    return (Vec)_mm512_cvtph_ps(stored);
  }
#endif
  float values[lanes] = {};
  for (int64_t i = 0; i < count; i++)
    values[i] = stored_value(data, dtype, index + i);
  return load(values);
}

/// Access to whole vectors, and to the `count` floats left at the end of a row.
struct WholeVec {
  static constexpr int count = lanes;
  Vec load(const float *from) const { return TUBELET_ISA::load(from); }
  void store(float *to, Vec v) const { TUBELET_ISA::store(to, v); }
#if defined(__AVX512BF16__)
  Vec load(const uint16_t *from) const {
    return widened(_mm256_loadu_si256((const __m256i *)from));
  }
  void store(uint16_t *to, Vec v) const { _mm256_storeu_si256((__m256i *)to, narrowed(v)); }
#endif
  Vec keep(Vec v) const { return v; }
};
struct PartialVec {
  int64_t count;
  Vec load(const float *from) const { return load_partial(from, count); }
  void store(float *to, Vec v) const { store_partial(to, v, count); }
#if defined(__AVX512BF16__)
  Vec load(const uint16_t *from) const {
    return widened(_mm256_maskz_loadu_epi16((__mmask16)((1u << count) - 1), from));
  }
  void store(uint16_t *to, Vec v) const {
    _mm256_mask_storeu_epi16(to, (__mmask16)((1u << count) - 1), narrowed(v));
  }
#endif
  /// Zeros beyond the end of the row.
  Vec keep(Vec v) const {
    IntVec index;
    for (int i = 0; i < lanes; i++)
      index[i] = i;
    return select(index < (int32_t)count, v, Vec{});
  }
};

/// body(first value) of a tensor in float32, or in bfloat16 where the level multiplies that.
template <class Body> inline void with_values(const Tensor &t, Body &&body) {
#if defined(__AVX512BF16__)
  if (t.dtype == DType::bf16)
    return body(static_cast<const uint16_t *>(t.data));
#endif
  body(floats(t));
}

/// Where a row's results go, as the tensor stores them.
struct RowOut {
  void *data;
  DType dtype;

  /// From this element of the tensor on.
  static RowOut of(const Tensor &t, int64_t element) {
    return {(char *)t.data + element * (t.dtype == DType::f32 ? 4 : 2), t.dtype};
  }
  template <class Access> void store(int64_t i, Access access, Vec v) const {
#if defined(__AVX512BF16__)
    if (dtype == DType::bf16)
      return access.store((uint16_t *)data + i, v);
#endif
    access.store((float *)data + i, v);
  }
};

/// body(d, access) for every vector of a row; `access` loads and stores without leaving the row.
template <class Body> inline void for_row(int64_t width, Body &&body) {
  int64_t d = 0;
  for (; d + lanes <= width; d += lanes)
    body(d, WholeVec{});
  if (d < width)
    body(d, PartialVec{width - d});
}

inline void copy_floats(float *to, const float *from, int64_t count) {
  for_row(count, [&](int64_t d, auto access) { access.store(to + d, access.load(from + d)); });
}

/// total = term(d, access, total) over the vectors of a row; four totals, so that one addition need not
/// wait for another.
template <class Term> inline float row_total(int64_t width, Term &&term) {
  Vec totals[4] = {};
  int64_t d = 0;
  for (; d + 4 * lanes <= width; d += 4 * lanes)
    for (int i = 0; i < 4; i++)
      totals[i] = term(d + i * lanes, WholeVec{}, totals[i]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++, d += lanes)
    if (d + lanes <= width)
      totals[i] = term(d, WholeVec{}, totals[i]);
    else if (d < width)
      totals[i] = term(d, PartialVec{width - d}, totals[i]);
  return sum((totals[0] + totals[1]) + (totals[2] + totals[3]));
}

inline float row_sum(const float *in, int64_t width) {
  return row_total(width,
                   [&](int64_t d, auto access, Vec total) { return total + access.load(in + d); });
}

/// Sum of (in - mean)².
inline float row_squares(const float *in, float mean, int64_t width) {
  return row_total(width, [&](int64_t d, auto access, Vec total) {
    const Vec deviation = access.keep(access.load(in + d) - mean);
    return fma(deviation, deviation, total);
  });
}

inline const char *accepts_any(const NodeSpec &) { return nullptr; }

} // namespace
} // namespace tubelet::TUBELET_ISA
