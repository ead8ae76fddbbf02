// What follows a sum of linear or convolution: bias, activation, gate, residual, store.
#pragma once

#include "device/activation.cuh"
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
  bool is_paired; ///< columns 2n and 2n + 1 of every tensor may be one access

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

private:
  struct alignas(8) Pair {
    float first, second;
  };
  __device__ static Pair pair_at(const float *at) { return *reinterpret_cast<const Pair *>(at); }
};

inline bool is_paired(const float *start, int64_t stride) {
  return !start || (reinterpret_cast<uintptr_t>(start) % 8 == 0 && stride % 2 == 0);
}

/// Of linear and convolution: absent tensors have no data.
inline Epilogue epilogue_of(const Tensor &y, const Tensor &bias, const Tensor &modulation,
                            const Tensor &row, int64_t gate_column, const Tensor &residual,
                            ActivationKind activation) {
  Epilogue epilogue = {
      floats(bias),        modulation.data ? floats(modulation) + gate_column : nullptr,
      integers(row),       floats(residual),
      floats_out(y),       modulation.row_stride,
      residual.row_stride, last_of(y),
      activation,          false};
  epilogue.is_paired = is_paired(epilogue.bias, 0) &&
                       is_paired(epilogue.modulation, epilogue.modulation_stride) &&
                       is_paired(epilogue.residual, epilogue.residual_stride) &&
                       is_paired(epilogue.y, epilogue.columns);
  return epilogue;
}

} // namespace
} // namespace tubelet::cuda
