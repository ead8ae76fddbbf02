// Linear combination: one pass over all inputs.
#include "ops/linear_combination.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const float *coefficients = floats(call.inputs[LinearCombination::coefficients]);
  const Tensor *x = call.inputs + LinearCombination::x;
  const int count = call.input_count - LinearCombination::x;
  float *out = floats_out(*call.output);

  parallel_elements(pool, call.output->shape[0], [&](int64_t begin, int64_t end) {
    for_row(end - begin, [&](int64_t d, auto access) {
      Vec total{};
      for (int i = 0; i < count; i++)
        total = fma_exact(broadcast(coefficients[i]), access.load(floats(x[i]) + begin + d), total);
      access.store(out + begin + d, total);
    });
  });
}

constexpr Kernel elementwise = {"linear_combination.elementwise", accepts_any, nullptr, nullptr,
                                run};
constexpr const Kernel *list[] = {&elementwise};

} // namespace

extern const KernelList linear_combination_kernels;
const KernelList linear_combination_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
