// The items of a flat launch, over all of its threads.
#pragma once

#include <cstdint>

namespace tubelet::cuda {

/// body(item) for every item below `count`, at most 2^32; neighbours go to neighbouring threads.
template <class Body> __device__ void each_item(int64_t count, Body body) {
  const int64_t threads = int64_t(gridDim.x) * blockDim.x;
  for (int64_t item = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; item < count; item += threads)
    body(uint32_t(item));
}

} // namespace tubelet::cuda
