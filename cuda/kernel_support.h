// What the host side of every CUDA kernel file needs: the stream, typed access to a call, alignment.
#pragma once

#include "core/kernel.h"
#include "launch.h"

#include <cuda_runtime_api.h>
#include <type_traits>

namespace tubelet::cuda {

struct Grid {
  unsigned blocks, threads;
  size_t shared_bytes = 0; ///< that the kernel shares out itself
};

/// What a plan of this device hands to kernels as their pool.
struct Stream : Pool {
  cudaStream_t handle;
  const char *failed_kernel;
  cudaError_t error; ///< of the first launch that failed

  template <class... Parameters>
  void launch(const char *name, const Grid &grid, void (*kernel)(Parameters...),
              std::type_identity_t<Parameters>... arguments) {
    void *pointers[] = {&arguments...};
    cudaError_t result = cudaSuccess;
    // What the kernel declares counts too, so that less than the 48 KiB given unasked may be too much.
    if (grid.shared_bytes > 0)
      result = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    int(grid.shared_bytes));
    if (result == cudaSuccess)
      result = cudaLaunchKernel(kernel, dim3(grid.blocks), dim3(grid.threads), pointers,
                                grid.shared_bytes, handle);
    note(name, result);
  }

  /// The first failure is kept, and told when the run ends.
  void note(const char *name, cudaError_t result) {
    if (result == cudaSuccess || error != cudaSuccess)
      return;
    error = result;
    failed_kernel = name;
  }
};

namespace {

inline Stream &stream_of(Pool &pool) { return static_cast<Stream &>(pool); }

inline const float *floats(const Tensor &t) { return static_cast<const float *>(t.data); }
inline float *floats_out(const Tensor &t) { return static_cast<float *>(t.data); }
inline const int32_t *integers(const Tensor &t) { return static_cast<const int32_t *>(t.data); }

inline int64_t last_of(const Tensor &t) { return t.shape[t.rank - 1]; }
/// Product of all dims but the last.
inline int64_t rows_of(const Tensor &t) {
  int64_t rows = 1;
  for (int i = 0; i + 1 < t.rank; i++)
    rows *= t.shape[i];
  return rows;
}
inline bool is_contiguous(const Tensor &t) { return t.rank == 1 || t.row_stride == last_of(t); }
inline int64_t element_count(const Tensor &t) { return rows_of(t) * last_of(t); }

inline bool is_vectored_start(const Tensor &t, int64_t column = 0) {
  return reinterpret_cast<uintptr_t>(t.data) % (4 * sizeof(float)) == 0 && column % 4 == 0;
}
/// Whether every row may be read and written in vectors of four, from `column` on.
inline bool is_vectored(const Tensor &t, int64_t column = 0) {
  return is_vectored_start(t, column) && (t.rank == 1 || t.row_stride % 4 == 0);
}

/// launch(is_warp, chunks, blocks, threads), the first two as compile-time constants.
template <class Launch> void launch_rows(int64_t width, int64_t rows, Launch &&launch) {
  const RowLaunch shape = row_launch(width);
  const unsigned blocks = shape.blocks(rows), threads = shape.block_threads();
  const auto with = [&](auto is_warp, auto chunks) { launch(is_warp, chunks, blocks, threads); };
  const std::true_type warp;
  const std::false_type block;
  if (shape.rows_per_block == 1)
    switch (shape.chunks) {
    case 2:
      return with(block, std::integral_constant<int, 2>());
    case 4:
      return with(block, std::integral_constant<int, 4>());
    default:
      return with(block, std::integral_constant<int, 0>());
    }
  switch (shape.chunks) {
  case 1:
    return with(warp, std::integral_constant<int, 1>());
  case 2:
    return with(warp, std::integral_constant<int, 2>());
  default:
    return with(warp, std::integral_constant<int, 4>());
  }
}

/// Of a kernel over each_item.
template <class... Parameters>
void launch_flat(Pool &pool, const char *name, int64_t items, void (*kernel)(Parameters...),
                 const std::type_identity_t<Parameters> &...arguments) {
  const FlatLaunch shape = flat_launch(items);
  stream_of(pool).launch(name, {shape.blocks, shape.threads}, kernel, arguments...);
}

/// Of kernels that count the elements of the output in 32 bits.
inline const char *accepts_flat(const NodeSpec &node) {
  return element_count(*node.output) > UINT32_MAX ? "it counts at most 4294967295 elements"
                                                  : nullptr;
}

/// Of kernels that give each of `parts` parts of a row to a warp or a block.
inline const char *accepts_rows(const NodeSpec &node, int64_t parts) {
  return rows_of(*node.output) > INT32_MAX / parts ? "a grid has at most 2147483647 blocks"
                                                   : nullptr;
}
inline const char *accepts_rows(const NodeSpec &node) { return accepts_rows(node, 1); }
/// The same where the op's attributes say how many groups a row has.
template <class Op> const char *accepts_groups(const NodeSpec &node) {
  return accepts_rows(node, static_cast<const typename Op::Attributes *>(node.attributes)->groups);
}

} // namespace
} // namespace tubelet::cuda
