// Rotary embedding: a thread turns one pair of columns, since y may be x, or copies one that passes.
#include "device/items.cuh"
#include "kernel_support.h"
#include "ops/rotary.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "rotary.pairwise";

struct Node {
  const float *x, *cos, *sin;
  float *y;
  int64_t rows, columns, x_stride, cos_stride, sin_stride;
  uint32_t heads, head_dim, pairs;
  bool is_interleaved;
};

__global__ void rotary(const Node node) {
  const uint32_t rest = node.head_dim - 2 * node.pairs;
  const uint32_t by_head = node.pairs + rest, by_row = node.heads * by_head;
  each_item(node.rows * by_row, [&](uint32_t item) {
    const uint32_t row = item / by_row, head = item % by_row / by_head, i = item % by_head;
    const float *x = node.x + row * node.x_stride + head * node.head_dim;
    float *y = node.y + row * node.columns + head * node.head_dim;
    if (i >= node.pairs) {
      y[node.pairs + i] = x[node.pairs + i];
      return;
    }
    const uint32_t a = node.is_interleaved ? 2 * i : i;
    const uint32_t b = node.is_interleaved ? 2 * i + 1 : i + node.pairs;
    const float cos = node.cos[row * node.cos_stride + i];
    const float sin = node.sin[row * node.sin_stride + i];
    const float first = x[a], second = x[b];
    y[a] = fmaf(first, cos, -(second * sin));
    y[b] = fmaf(second, cos, first * sin);
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Rotary::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Rotary::x], &cos = call.inputs[Rotary::cos];
  const Tensor &sin = call.inputs[Rotary::sin];
  const int64_t rows = x.shape[0], columns = x.shape[1], pairs = cos.shape[1];
  if (rows == 0)
    return;
  const Node node{floats(x),
                  floats(cos),
                  floats(sin),
                  floats_out(*call.output),
                  rows,
                  columns,
                  x.row_stride,
                  cos.row_stride,
                  sin.row_stride,
                  uint32_t(columns / attributes.head_dim),
                  uint32_t(attributes.head_dim),
                  uint32_t(pairs),
                  attributes.layout == Rotary::Layout::interleaved};
  Stream &stream = stream_of(pool);
  const FlatLaunch shape = flat_launch(rows * (columns - node.heads * pairs));
  stream.launch(name, {shape.blocks, shape.threads}, rotary, node);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList rotary_kernels;
const KernelList rotary_kernels = {list, 1};

} // namespace tubelet::cuda
