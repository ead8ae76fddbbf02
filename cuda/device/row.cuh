// A row and the threads that share it.
#pragma once

#include "reduce.cuh"
#include "vector.cuh"

namespace tubelet::cuda {

/// A warp of several in the block, or the whole block.
template <bool is_warp> struct RowThreads {
  __device__ static unsigned lane() { return is_warp ? threadIdx.x % 32 : threadIdx.x; }
  __device__ static unsigned count() { return is_warp ? 32 : blockDim.x; }
  __device__ static int64_t row() {
    return is_warp ? int64_t(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32 : blockIdx.x;
  }
  __device__ static float sum(float value) { return is_warp ? warp_sum(value) : block_sum(value); }
};

/// The values of a row: `chunks` vectors of each thread in registers, or, with 0 chunks, read again by
/// every pass.
template <class Threads, int chunks, class T> class RowValues {
public:
  __device__ explicit RowValues(const Row<T> &row) : row(row) {
#pragma unroll
    for (int i = 0; i < chunks; i++)
      held[i] = row.load(position(i));
  }

  /// body(at, four) for the vectors of this thread; elements at + i beyond the row are 0.
  template <class Body> __device__ void each(Body body) const {
    if constexpr (chunks > 0) {
#pragma unroll
      for (int i = 0; i < chunks; i++)
        if (position(i) < row.width)
          body(position(i), held[i]);
    } else {
      for (int64_t i = 0; position(i) < row.width; i++)
        body(position(i), row.load(position(i)));
    }
  }

  /// Of all elements, in every thread.
  __device__ float sum() const {
    float total = 0;
    each([&](int64_t, const Four &four) {
      total += (four.v[0] + four.v[1]) + (four.v[2] + four.v[3]);
    });
    return Threads::sum(total);
  }

  /// Of (element - mean)².
  __device__ float squares(float mean) const {
    float total = 0;
    each([&](int64_t at, const Four &four) {
#pragma unroll
      for (int i = 0; i < 4; i++)
        if (at + i < row.width)
          total = fmaf(four.v[i] - mean, four.v[i] - mean, total);
    });
    return Threads::sum(total);
  }

private:
  __device__ static int64_t position(int64_t i) {
    return (i * Threads::count() + Threads::lane()) * 4;
  }

  Row<T> row;
  Four held[chunks > 0 ? chunks : 1];
};

} // namespace tubelet::cuda
