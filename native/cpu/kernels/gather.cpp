// Gather: each row is copied from the tensor that has it.
#include "ops/gather.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

/// Row `row` of all tensors together.
const float *find_row(const Tensor *x, int64_t row) {
  for (; row >= x->shape[0]; x++)
    row -= x->shape[0];
  return floats(*x) + row * x->row_stride;
}

void run(const KernelCall &call, Pool &pool) {
  const int32_t *index = integers(call.inputs[Gather::index]);
  const Tensor *x = call.inputs + Gather::x;
  const int64_t width = call.output->shape[1];

  parallel_rows(pool, call.output->shape[0], width, [&](int64_t t) {
    copy_floats(floats_out(*call.output) + t * width, find_row(x, index[t]), width);
  });
}

constexpr Kernel rowwise = {"gather.rowwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList gather_kernels;
const KernelList gather_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
