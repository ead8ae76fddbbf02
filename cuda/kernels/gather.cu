// Gather: a thread copies four elements of a row from the tensor that has it.
#include "elementwise.cuh"
#include "ops/gather.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "gather.elementwise";
constexpr int most_tensors = max_inputs - Gather::x;

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

/// The rows of several tensors, numbered one after another.
struct AllRows {
  const int32_t *index;
  const float *starts[most_tensors];
  int64_t strides[most_tensors], counts[most_tensors];

  __device__ const float *row(uint32_t r) const {
    int64_t row = index[r];
    int tensor = 0;
    for (; row >= counts[tensor]; tensor++)
      row -= counts[tensor];
    return starts[tensor] + row * strides[tensor];
  }
};

void run(const KernelCall &call, Pool &pool) {
  const Tensor &y = *call.output;
  AllRows rows = {integers(call.inputs[Gather::index]), {}, {}, {}};
  bool is_aligned = is_vectored(y);
  for (int i = Gather::x; i < call.input_count; i++) {
    const Tensor &x = call.inputs[i];
    rows.starts[i - Gather::x] = floats(x);
    rows.strides[i - Gather::x] = x.row_stride;
    rows.counts[i - Gather::x] = x.shape[0];
    is_aligned = is_aligned && is_vectored(x);
  }
  const int64_t width = y.shape[1];
  launch_elementwise(stream_of(pool), name, {y.shape[0], width, width, is_aligned}, floats_out(y),
                     Copy{}, rows);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList gather_kernels;
const KernelList gather_kernels = {list, 1};

} // namespace tubelet::cuda
