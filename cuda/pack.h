// Packing of weights, on the host.
#pragma once

#include "core/kernel.h"

#include <bit>
#include <cstring>

namespace tubelet::cuda {
namespace {

inline float half_value(uint16_t half) {
  const uint32_t sign = uint32_t(half & 0x8000) << 16, rest = half & 0x7FFF;
  if (rest >= 0x7C00)
    return std::bit_cast<float>(sign | 0x7F800000 | (rest & 0x3FF) << 13);
  return std::bit_cast<float>(sign |
                              std::bit_cast<uint32_t>(std::bit_cast<float>(rest << 13) * 0x1p112f));
}

/// Element `index` of stored f32, f16 or bf16.
inline float stored_value(const WeightRows &rows, int64_t index) {
  if (rows.dtype == DType::f32) {
    float value;
    std::memcpy(&value, static_cast<const uint8_t *>(rows.data) + 4 * index, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, static_cast<const uint8_t *>(rows.data) + 2 * index, 2);
  return rows.dtype == DType::f16 ? half_value(bits) : std::bit_cast<float>(uint32_t(bits) << 16);
}

/// Round to nearest even; NaN stays NaN.
inline uint16_t bfloat_of(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000)
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

} // namespace
} // namespace tubelet::cuda
