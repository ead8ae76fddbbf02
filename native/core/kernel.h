// The interface between the plan and a backend's kernels. Plain data: it is compiled into every ISA
// level, so it holds no inline function with external linkage and no standard library type.
#pragma once

#include "core/precision.h"
#include "ops/tensor.h"

#include <cstddef>

namespace tubelet {

constexpr int max_inputs = 24;

/// Runs `task(context, i, thread)` for every i in [0, tasks). Tasks are claimed in order; a task's
/// result may not depend on its thread. The caller takes part; thread < threads.
struct Pool {
  int threads;
  void (*run)(Pool &pool, int64_t tasks, void (*task)(void *context, int64_t index, int thread),
              void *context);
};

/// A node while a plan is compiled: shapes at capacity; data is null except for weights.
struct NodeSpec {
  const Tensor *inputs;
  const Tensor *output;
  const void *attributes;
  const bool *is_weight; ///< null but in `accepts`
  int input_count;
  int threads;
  Precision precision; ///< the least a kernel may use
};

/// How a kernel wants a weight: f32 is converted once if it is stored otherwise; stored is the bytes
/// as they lie in the file; packed calls `pack` once per plan cache entry.
enum class WeightForm : uint8_t { f32, stored, packed };

struct KernelNeeds {
  size_t scratch_bytes; ///< for the whole call, 64-byte aligned, reserved in the arena
  size_t packed_bytes[max_inputs];
  WeightForm weight_form[max_inputs];
};

/// Rows [first_row, first_row + rows) of a weight, contiguous, as stored (f32, f16 or bf16).
struct WeightRows {
  const void *data;
  int64_t first_row;
  int64_t rows;
  int64_t row_elements;
  DType dtype;
};

/// A node while it runs. A packed weight's `inputs[i].data` is the packed memory.
struct KernelCall {
  const Tensor *inputs;
  const Tensor *output;
  const void *attributes;
  void *scratch;
  int input_count;
};

/// One implementation of an op. Kernels never allocate, lock, log, choose or read the environment;
/// the result for one row (token, pixel, element) must not depend on the other rows of the call,
/// nor on the number of threads.
struct Kernel {
  const char *name; ///< e.g. "linear.packed"
  /// Null when the kernel takes the node, else why not, for people.
  const char *(*accepts)(const NodeSpec &node);
  void (*plan)(const NodeSpec &node, KernelNeeds &needs) = nullptr; ///< null: needs nothing
  /// Fills zeroed memory, some rows of the weight at a time, on any thread.
  void (*pack)(const NodeSpec &node, int input, const WeightRows &rows, void *packed) = nullptr;
  void (*run)(const KernelCall &call, Pool &pool);
  Precision precision = Precision::f32; ///< of its matrix products
  /// Bit i: input i may be bfloat16 where it says f32, as a kernel with writes_bf16 stored it. The kernel
  /// would round it so anyway: the bytes of what it computes are the same.
  uint32_t reads_bf16 = 0;
  bool writes_bf16 = false; ///< where the output's dtype says so
};

/// Implementations of one op, most special first, plain one last.
struct KernelList {
  const Kernel *const *kernels;
  int count;
};

} // namespace tubelet
