// Clamp: one pass. Comparisons are false for NaN, which passes.
#include "ops/clamp.h"
#include "cpu/elementwise.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Clamp::Attributes *>(call.attributes);
  const Vec low = broadcast((float)attributes.min), high = broadcast((float)attributes.max);
  map(call.inputs[Clamp::x], *call.output, pool, [&](Vec v) {
    v = select(v < low, low, v);
    return select(v > high, high, v);
  });
}

constexpr Kernel elementwise = {"clamp.elementwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&elementwise};

} // namespace

extern const KernelList clamp_kernels;
const KernelList clamp_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
