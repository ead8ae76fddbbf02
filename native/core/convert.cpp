#include "core/convert.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace tubelet {
namespace {

float half_to_float(uint16_t half) {
  uint32_t sign = uint32_t(half & 0x8000) << 16, rest = half & 0x7FFF;
  if (rest >= 0x7C00)
    return std::bit_cast<float>(sign | 0x7F800000 | (rest & 0x3FF) << 13);
  if (rest >= 0x400)
    return std::bit_cast<float>(sign | (rest + (112 << 10)) << 13);
  float tiny = float(rest) * 0x1p-24f;
  return sign ? -tiny : tiny;
}

} // namespace

void convert_to_f32(const WeightRows &rows, float *to) {
  to += rows.first_row * rows.row_elements;
  int64_t count = rows.rows * rows.row_elements;
  const auto *from = static_cast<const uint8_t *>(rows.data);
  if (rows.dtype == DType::f32) {
    std::memcpy(to, from, size_t(count) * 4);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    uint16_t bits;
    std::memcpy(&bits, from + 2 * i, 2);
    to[i] =
        rows.dtype == DType::f16 ? half_to_float(bits) : std::bit_cast<float>(uint32_t(bits) << 16);
  }
}

} // namespace tubelet
