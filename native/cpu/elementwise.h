// Elementwise ops: a function of one or two vectors, applied to tensors of any shape.
#pragma once

#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// y = f(x). A contiguous x goes by in equal parts, a slice row by row.
template <class Function>
inline void map(const Tensor &x, const Tensor &y, Pool &pool, Function &&f) {
  auto apply = [&](const float *in, float *out, int64_t count) {
    for_row(count, [&](int64_t d, auto access) { access.store(out + d, f(access.load(in + d))); });
  };
  const int64_t rows = rows_of(y), width = last_of(y);
  if (is_contiguous(x))
    parallel_elements(pool, rows * width, [&](int64_t begin, int64_t end) {
      apply(floats(x) + begin, floats_out(y) + begin, end - begin);
    });
  else
    parallel_rows(pool, rows, width, [&](int64_t row) {
      apply(floats(x) + row * x.row_stride, floats_out(y) + row * width, width);
    });
}

/// y = f(a, b), b of a's shape or a vector used by every row.
template <class Function>
inline void zip(const Tensor &a, const Tensor &b, const Tensor &y, Pool &pool, Function &&f) {
  auto apply = [&](const float *left, const float *right, float *out, int64_t count) {
    for_row(count, [&](int64_t d, auto access) {
      access.store(out + d, f(access.load(left + d), access.load(right + d)));
    });
  };
  const int64_t rows = rows_of(y), width = last_of(y);
  const bool is_vector = b.rank < a.rank;
  if (!is_vector && is_contiguous(a) && is_contiguous(b))
    parallel_elements(pool, rows * width, [&](int64_t begin, int64_t end) {
      apply(floats(a) + begin, floats(b) + begin, floats_out(y) + begin, end - begin);
    });
  else
    parallel_rows(pool, rows, width, [&](int64_t row) {
      const float *right = floats(b) + (is_vector ? 0 : row * b.row_stride);
      apply(floats(a) + row * a.row_stride, right, floats_out(y) + row * width, width);
    });
}

} // namespace
} // namespace tubelet::TUBELET_ISA
