// Elements as they are stored, and as floats. Types of 16 bits are bits with a name: the CUDA headers for
// them cost more compile time than these conversions.
#pragma once

#include <cstdint>

namespace tubelet::cuda {

struct Half {
  uint16_t bits;
};
struct Bfloat {
  uint16_t bits;
};

__device__ inline float to_float(float value) { return value; }

/// Exact: a power of two moves the exponent, also of subnormal halves.
__device__ inline float to_float(Half value) {
  const uint32_t sign = uint32_t(value.bits & 0x8000) << 16, rest = value.bits & 0x7FFF;
  if (rest >= 0x7C00)
    return __uint_as_float(sign | 0x7F800000 | (rest & 0x3FF) << 13);
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest << 13) * 0x1p112f));
}

__device__ inline float to_float(Bfloat value) {
  return __uint_as_float(uint32_t(value.bits) << 16);
}

} // namespace tubelet::cuda
