// Activation: one pass; a loop per kind.
#include "ops/activation.h"
#include "cpu/elementwise.h"

namespace tubelet::TUBELET_ISA {
namespace {

void run(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[Activation::x], &y = *call.output;
  switch (static_cast<const Activation::Attributes *>(call.attributes)->kind) {
  case ActivationKind::none:
    return;
  case ActivationKind::gelu_tanh:
    return map(x, y, pool, [](Vec v) { return gelu_tanh(v); });
  case ActivationKind::gelu_erf:
    return map(x, y, pool, [](Vec v) { return gelu_erf(v); });
  case ActivationKind::quick_gelu:
    return map(x, y, pool, [](Vec v) { return quick_gelu(v); });
  case ActivationKind::silu:
    return map(x, y, pool, [](Vec v) { return silu(v); });
  case ActivationKind::relu:
    return map(x, y, pool, [](Vec v) { return relu(v); });
  case ActivationKind::tanh:
    return map(x, y, pool, [](Vec v) { return tanh(v); });
  }
}

constexpr Kernel elementwise = {"activation.elementwise", accepts_any, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&elementwise};

} // namespace

extern const KernelList activation_kernels;
const KernelList activation_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
