// Sums over the threads that share a row. The order is a fixed tree: lanes of a warp by halves, then
// warps by halves.
#pragma once

namespace tubelet::cuda {

/// The same bits in every lane: the two operands of each addition only swap places.
template <class Real> __device__ Real warp_sum(Real value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
  return value;
}

__device__ inline float warp_max(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
  return value;
}

/// All threads of the block must call it.
template <class Real> __device__ Real block_sum(Real value) {
  __shared__ Real by_warp[32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  value = warp_sum(value);
  if (lane == 0)
    by_warp[warp] = value;
  __syncthreads();
  value = warp_sum(lane < warps ? by_warp[lane] : Real(0));
  __syncthreads(); // by_warp is written again by the next sum
  return value;
}

} // namespace tubelet::cuda
