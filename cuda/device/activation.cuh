// The activations on a float, with the accurate functions of the CUDA library: the intrinsics' errors
// are more than twice those of plain float32.
#pragma once

namespace tubelet::cuda {

__device__ inline float silu(float x) { return x / (1.0f + expf(-x)); }

__device__ inline float quick_gelu(float x) { return x / (1.0f + expf(-1.702f * x)); }

__device__ inline float gelu_tanh(float x) {
  const float inner = 0.7978845608f * (x + 0.044715f * x * x * x);
  return 0.5f * x * (1.0f + tanhf(inner));
}

__device__ inline float gelu_erf(float x) { return 0.5f * x * (1.0f + erff(x * 0.7071067812f)); }

/// NaN stays NaN.
__device__ inline float relu(float x) { return x < 0.0f ? 0.0f : x; }

} // namespace tubelet::cuda
