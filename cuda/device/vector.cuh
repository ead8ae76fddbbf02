// Four neighbouring elements of a row, in one access where the row allows it.
#pragma once

#include "dtype.cuh"

namespace tubelet::cuda {

struct Four {
  float v[4];
};

/// A row of `width` elements. `is_aligned`: it starts at a multiple of four elements.
template <class T> struct Row {
  T *start;
  int64_t width;
  bool is_aligned;

  /// Elements at, at + 1, …; 0 beyond the end.
  __device__ Four load(int64_t at) const {
    if (is_aligned && at + 4 <= width)
      return load_whole(at);
    Four four = {};
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (at + i < width)
        four.v[i] = to_float(start[at + i]);
    return four;
  }

  __device__ void store(int64_t at, const Four &four) const {
    if (is_aligned && at + 4 <= width)
      return store_whole(at, four);
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (at + i < width)
        start[at + i] = four.v[i];
  }

private:
  struct alignas(4 * sizeof(T)) Whole {
    T v[4];
  };

  __device__ Four load_whole(int64_t at) const {
    const Whole whole = *reinterpret_cast<const Whole *>(start + at);
    return {to_float(whole.v[0]), to_float(whole.v[1]), to_float(whole.v[2]), to_float(whole.v[3])};
  }

  __device__ void store_whole(int64_t at, const Four &four) const {
    Whole whole;
#pragma unroll
    for (int i = 0; i < 4; i++)
      whole.v[i] = four.v[i];
    *reinterpret_cast<Whole *>(start + at) = whole;
  }
};

} // namespace tubelet::cuda
