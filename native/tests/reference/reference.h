// What every reference needs. A reference gives one element of the output, in plain loops of `Real`:
// double is the truth, float the plain computation that kernels are measured by.
#pragma once

#include "core/precision.h"
#include "ops/op.h"

#include <cmath>
#include <cstring>

namespace tubelet {

struct ReferenceCall {
  std::span<const Tensor> inputs;
  const Tensor &output;
  const void *attributes;
  Precision precision = Precision::f32; ///< of the plain computation's matrix products

  template <class Attributes> const Attributes &as() const {
    return *static_cast<const Attributes *>(attributes);
  }
};

inline float half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = (bits & 1023) / 1024.0;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
  return float(bits & 0x8000 ? -size : size);
}

/// Element (row, column) of a tensor seen as [rows, last]; its value as it is stored.
template <class Real = float> Real at(const Tensor &tensor, int64_t row, int64_t column) {
  const int64_t index = row * tensor.row_stride + column;
  const auto *bytes = static_cast<const uint8_t *>(tensor.data);
  if (tensor.dtype == DType::f32) {
    float value;
    std::memcpy(&value, bytes + 4 * index, 4);
    return Real(value);
  }
  uint16_t bits;
  std::memcpy(&bits, bytes + 2 * index, 2);
  if (tensor.dtype == DType::f16)
    return Real(half_value(bits));
  const uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return Real(value);
}

/// Round to nearest even bfloat16.
inline float bfloat_rounded(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (!std::isnan(value))
    bits += 0x7FFF + (bits >> 16 & 1);
  bits &= 0xFFFF0000;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// A factor of a matrix product: as it is in double, in the call's precision in the plain computation.
template <class Real> Real factor(const ReferenceCall &call, Real value) {
  if constexpr (std::is_same_v<Real, float>)
    if (call.precision == Precision::bf16)
      return bfloat_rounded(value);
  return value;
}

inline int32_t index_at(const Tensor &tensor, int64_t index) {
  return static_cast<const int32_t *>(tensor.data)[index];
}

inline int64_t last_of(const Tensor &tensor) { return tensor.shape[tensor.rank - 1]; }

/// Element (f, h, w, c) of [F, H, W, C].
template <class Real> Real at4(const Tensor &tensor, int64_t f, int64_t h, int64_t w, int64_t c) {
  return at<Real>(tensor, (f * tensor.shape[1] + h) * tensor.shape[2] + w, c);
}

struct Pixel {
  int64_t f, h, w, c;
};
inline Pixel pixel_of(const Tensor &tensor, int64_t index) {
  const int64_t c = index % tensor.shape[3], row = index / tensor.shape[3];
  return {row / tensor.shape[2] / tensor.shape[1], row / tensor.shape[2] % tensor.shape[1],
          row % tensor.shape[2], c};
}

} // namespace tubelet
