// Elements as they are stored, and as floats. Storage types of 16 bits are bits with a name: the CUDA
// headers for them cost more compile time than the two instructions used here.
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

__device__ inline float to_float(Half value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}

__device__ inline float to_float(Bfloat value) {
  return __uint_as_float(uint32_t(value.bits) << 16);
}

/// Rounds to nearest even.
template <class T> __device__ T from_float(float value);

template <> __device__ inline float from_float(float value) { return value; }

template <> __device__ inline Half from_float(float value) {
  Half result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

template <> __device__ inline Bfloat from_float(float value) {
  Bfloat result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

} // namespace tubelet::cuda
