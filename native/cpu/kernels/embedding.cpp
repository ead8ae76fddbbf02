// Embedding: rows of the table as it lies in the file, converted on the way.
#include "ops/embedding.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void plan(const NodeSpec &, KernelNeeds &needs) {
  needs.weight_form[Embedding::table] = WeightForm::stored;
}

void run(const KernelCall &call, Pool &pool) {
  const int32_t *ids = integers(call.inputs[Embedding::ids]);
  const Tensor &table = call.inputs[Embedding::table];
  const int64_t width = table.shape[1];

  parallel_rows(pool, call.output->shape[0], width, [&](int64_t t) {
    float *out = floats_out(*call.output) + t * width;
    for (int64_t d = 0; d < width; d++)
      out[d] = stored_value(table.data, table.dtype, ids[t] * width + d);
  });
}

constexpr Kernel rowwise = {"embedding.rowwise", accepts_any, plan, nullptr, run};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList embedding_kernels;
const KernelList embedding_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
