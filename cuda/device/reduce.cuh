// Sums over the threads that share a row. The order is a fixed tree: lanes of a warp by halves, then
// warps by halves.
#pragma once

namespace tubelet::cuda {

/// The same bits in every lane: the two operands of each addition only swap places.
__device__ inline float warp_sum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
  return value;
}

/// All threads of the block must call it.
__device__ inline float block_sum(float value) {
  __shared__ float by_warp[32];
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  value = warp_sum(value);
  if (lane == 0)
    by_warp[warp] = value;
  __syncthreads();
  value = warp_sum(lane < warps ? by_warp[lane] : 0.0f);
  __syncthreads(); // by_warp is written again by the next sum
  return value;
}

} // namespace tubelet::cuda
