// Product: one pass.
#include "ops/multiply.h"
#include "cpu/elementwise.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  zip(call.inputs[Multiply::a], call.inputs[Multiply::b], *call.output, pool,
      [](Vec a, Vec b) { return a * b; });
}

constexpr Kernel elementwise = {"multiply.elementwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&elementwise};

} // namespace

extern const KernelList multiply_kernels;
const KernelList multiply_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
