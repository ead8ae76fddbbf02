// Linear combination: one pass over all inputs, in their order; fmaf rounds once, as on the CPU.
#include "device/items.cuh"
#include "device/vector.cuh"
#include "kernel_support.h"
#include "ops/linear_combination.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "linear_combination.elementwise";

struct Node {
  const float *coefficients;
  float *y;
  int64_t elements;
  int count;
  bool is_aligned;
  const float *x[max_inputs];
};

__global__ void linear_combination(const __grid_constant__ Node node) {
  each_item((node.elements + 3) / 4, [&](uint32_t item) {
    const int64_t at = int64_t(item) * 4;
    Four total = {};
    for (int i = 0; i < node.count; i++) {
      const Four in = Row{node.x[i], node.elements, node.is_aligned}.load(at);
#pragma unroll
      for (int k = 0; k < 4; k++)
        total.v[k] = fmaf(node.coefficients[i], in.v[k], total.v[k]);
    }
    Row{node.y, node.elements, node.is_aligned}.store(at, total);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const Tensor *x = call.inputs + LinearCombination::x, &y = *call.output;
  Node node{floats(call.inputs[LinearCombination::coefficients]),
            floats_out(y),
            y.shape[0],
            call.input_count - LinearCombination::x,
            is_vectored(y),
            {}};
  if (node.elements == 0)
    return;
  for (int i = 0; i < node.count; i++) {
    node.x[i] = floats(x[i]);
    node.is_aligned = node.is_aligned && is_vectored(x[i]);
  }
  Stream &stream = stream_of(pool);
  const FlatLaunch shape = flat_launch((node.elements + 3) / 4);
  stream.launch(name, {shape.blocks, shape.threads}, linear_combination, node);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList linear_combination_kernels;
const KernelList linear_combination_kernels = {list, 1};

} // namespace tubelet::cuda
