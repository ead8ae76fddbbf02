// What a kernel sees of a tensor. Plain data: this header is compiled into every ISA level, so it
// holds no inline function with external linkage and nothing of the standard library but <cstdint>.
#pragma once

#include <cstdint>

namespace tubelet {

enum class DType : uint8_t { f32 = 0, f16 = 1, bf16 = 2, i32 = 3, u8 = 4, i8 = 5 };
constexpr int dtype_count = 6;
constexpr int max_rank = 5;

/// Row-major. Only the last axis may be a slice of a wider tensor: `row_stride` is the distance, in
/// elements, between two rows of the tensor seen as [rows, last]; contiguous means row_stride ==
/// last. An absent optional tensor has data == nullptr and rank 0.
struct Tensor {
  void *data;
  int64_t shape[max_rank];
  int64_t row_stride;
  int32_t rank;
  DType dtype;
};

} // namespace tubelet
