// What follows a sum of linear or convolution: bias, activation, gate, residual, store.
#pragma once

#include "device/activation.cuh"
#include "device/vector.cuh"
#include "kernel_support.h"
#include "ops/activation_kind.h"

namespace tubelet::cuda {
namespace {

__device__ inline float activate(ActivationKind kind, float x) {
  switch (kind) {
  case ActivationKind::gelu_tanh:
    return gelu_tanh(x);
  case ActivationKind::gelu_erf:
    return gelu_erf(x);
  case ActivationKind::quick_gelu:
    return quick_gelu(x);
  case ActivationKind::silu:
    return silu(x);
  case ActivationKind::relu:
    return relu(x);
  case ActivationKind::tanh:
    return tanhf(x);
  case ActivationKind::none:
    return x;
  }
  return x;
}

/// Null where there is nothing. y has `columns` columns without a gap.
struct Epilogue {
  const float *bias;
  const float *modulation; ///< at the gate's first column
  const int32_t *row;      ///< of the modulation, per row of y
  const float *residual;
  float *y;
  int64_t modulation_stride, residual_stride, columns;
  ActivationKind activation;
  bool is_paired;   ///< columns 2n and 2n + 1 of every tensor may be one access
  bool is_in_fours; ///< columns 4n to 4n + 3 too

  /// `sum` becomes y[t, n].
  __device__ void finish(int64_t t, int64_t n, float sum) const {
    if (bias)
      sum += bias[n];
    sum = activate(activation, sum);
    if (modulation)
      sum *= modulation[row[t] * modulation_stride + n];
    if (residual)
      sum += residual[t * residual_stride + n];
    y[t * columns + n] = sum;
  }

  /// Columns n, which is even, and n + 1, where y has them.
  __device__ void finish_pair(int64_t t, int64_t n, float first, float second) const {
    if (!is_paired || n + 1 >= columns) {
      if (n < columns)
        finish(t, n, first);
      if (n + 1 < columns)
        finish(t, n + 1, second);
      return;
    }
    Pair sum = {first, second};
    if (bias) {
      const Pair offset = pair_at(bias + n);
      sum = {sum.first + offset.first, sum.second + offset.second};
    }
    sum = {activate(activation, sum.first), activate(activation, sum.second)};
    if (modulation) {
      const Pair gate = pair_at(modulation + row[t] * modulation_stride + n);
      sum = {sum.first * gate.first, sum.second * gate.second};
    }
    if (residual) {
      const Pair before = pair_at(residual + t * residual_stride + n);
      sum = {sum.first + before.first, sum.second + before.second};
    }
    *reinterpret_cast<Pair *>(y + t * columns + n) = sum;
  }

  /// Columns n to n + 3, n a multiple of four, of rows t, t + by, …; rows from `rows` on and columns that y does not
  /// have are left out. All is read before anything is written, so that the reads do not wait for each other.
  template <int count>
  __device__ void finish_rows(int64_t t, int by, int64_t rows, int64_t n,
                              Four (&sums)[count]) const {
    if (n >= columns)
      return;
    const Four offset = bias ? four_at(bias + n, n) : Four{};
    Four gates[count], before[count];
#pragma unroll
    for (int i = 0; i < count; i++) {
      const int64_t own = t + i * by;
      if (modulation && own < rows)
        gates[i] = four_at(modulation + row[own] * modulation_stride + n, n);
      if (residual && own < rows)
        before[i] = four_at(residual + own * residual_stride + n, n);
    }
#pragma unroll
    for (int i = 0; i < count; i++) {
      const int64_t own = t + i * by;
      if (own >= rows)
        continue;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float &sum = sums[i].v[j];
        sum = activate(activation, sum + offset.v[j]);
        if (modulation)
          sum *= gates[i].v[j];
        if (residual)
          sum += before[i].v[j];
      }
      Row<float>{y + own * columns, columns, is_in_fours}.store(n, sums[i]);
    }
  }

private:
  /// `from` being column n.
  __device__ Four four_at(const float *from, int64_t n) const {
    return Row<const float>{from - n, columns, is_in_fours}.load(n);
  }

  struct alignas(8) Pair {
    float first, second;
  };
  __device__ static Pair pair_at(const float *at) { return *reinterpret_cast<const Pair *>(at); }
};

/// Whether `count` neighbours, from every multiple of `count` on, may be one access.
inline bool is_grouped(const float *start, int64_t stride, int count) {
  return !start ||
         (reinterpret_cast<uintptr_t>(start) % (count * sizeof(float)) == 0 && stride % count == 0);
}

/// Of linear and convolution: absent tensors have no data.
inline Epilogue epilogue_of(const Tensor &y, const Tensor &bias, const Tensor &modulation,
                            const Tensor &row, int64_t gate_column, const Tensor &residual,
                            ActivationKind activation) {
  Epilogue epilogue = {floats(bias),
                       modulation.data ? floats(modulation) + gate_column : nullptr,
                       integers(row),
                       floats(residual),
                       floats_out(y),
                       modulation.row_stride,
                       residual.row_stride,
                       last_of(y),
                       activation,
                       false,
                       false};
  const auto is_grouped_by = [&](int count) {
    return is_grouped(epilogue.bias, 0, count) &&
           is_grouped(epilogue.modulation, epilogue.modulation_stride, count) &&
           is_grouped(epilogue.residual, epilogue.residual_stride, count) &&
           is_grouped(epilogue.y, epilogue.columns, count);
  };
  epilogue.is_paired = is_grouped_by(2);
  epilogue.is_in_fours = is_grouped_by(4);
  return epilogue;
}

} // namespace
} // namespace tubelet::cuda
