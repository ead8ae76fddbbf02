// Elementwise work on tensors seen as rows: each thread takes four neighbouring elements at a time.
#pragma once

#include "device/items.cuh"
#include "device/vector.cuh"
#include "kernel_support.h"

namespace tubelet::cuda {
namespace {

/// Rows `stride` elements apart, 0 for one that all use; with `index`, row r is the one it names.
template <class T = float> struct Rows {
  const T *start;
  int64_t stride;
  const int32_t *index = nullptr;

  __device__ const T *row(uint32_t r) const {
    return start + (index ? int64_t(index[r]) : r) * stride;
  }
};

struct Extent {
  int64_t rows, width, stride; ///< `stride` of y
  bool is_aligned;             ///< every row of every tensor
};

/// y[r] = f(x[r]…) element by element; an x has `row(r)`.
template <class Function, class... Inputs>
__global__ void elementwise(const Extent extent, float *y, const Function f, Inputs... x) {
  const uint32_t vectors = uint32_t((extent.width + 3) / 4);
  each_item(extent.rows * vectors, [&](uint32_t item) {
    const uint32_t row = extent.rows == 1 ? 0 : item / vectors;
    const int64_t at = int64_t(item - row * vectors) * 4;
    const auto apply = [&](const auto &...in) {
      Four out;
#pragma unroll
      for (int i = 0; i < 4; i++)
        out.v[i] = f(in.v[i]...);
      Row<float>{y + row * extent.stride, extent.width, extent.is_aligned}.store(at, out);
    };
    apply(Row{x.row(row), extent.width, extent.is_aligned}.load(at)...);
  });
}

template <class Function, class... Inputs>
void launch_elementwise(Stream &stream, const char *name, const Extent &extent, float *y,
                        const Function &f, const Inputs &...x) {
  const int64_t items = extent.rows * ((extent.width + 3) / 4);
  if (items == 0)
    return;
  const FlatLaunch shape = flat_launch(items);
  void (*kernel)(Extent, float *, Function, Inputs...) = elementwise;
  stream.launch(name, {shape.blocks, shape.threads}, kernel, extent, y, f, x...);
}

/// y = f(x…), each x of y's shape or a vector that every row uses. y may be columns of a wider tensor.
template <class Function, class... Tensors>
void run_elementwise(Pool &pool, const char *name, const Tensor &y, const Function &f,
                     const Tensors &...x) {
  const bool is_flat = is_contiguous(y) && ((is_contiguous(x) && x.rank == y.rank) && ...);
  const auto is_ready = [&](const Tensor &t) {
    return is_flat ? is_vectored_start(t) : is_vectored(t);
  };
  const Extent extent = {is_flat ? 1 : rows_of(y), is_flat ? element_count(y) : last_of(y),
                         y.row_stride, is_ready(y) && (is_ready(x) && ...)};
  launch_elementwise(stream_of(pool), name, extent, floats_out(y), f,
                     Rows<>{floats(x), x.rank < y.rank ? 0 : x.row_stride}...);
}

} // namespace
} // namespace tubelet::cuda
