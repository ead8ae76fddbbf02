// Activation: one pass; every element of a call takes the same branch.
#include "device/activation.cuh"
#include "elementwise.cuh"
#include "ops/activation.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "activation.elementwise";

struct Activate {
  ActivationKind kind;

  __device__ float operator()(float x) const {
    switch (kind) {
    case ActivationKind::gelu_tanh:
      return gelu_tanh(x);
    case ActivationKind::gelu_erf:
      return gelu_erf(x);
    case ActivationKind::quick_gelu:
      return quick_gelu(x);
    case ActivationKind::silu:
      return silu(x);
    case ActivationKind::relu:
      return relu(x);
    case ActivationKind::tanh:
      return tanhf(x);
    case ActivationKind::none:
      return x;
    }
    return x;
  }
};

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Activation::Attributes *>(call.attributes);
  run_elementwise(pool, name, *call.output, Activate{attributes.kind}, call.inputs[Activation::x]);
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList activation_kernels;
const KernelList activation_kernels = {list, 1};

} // namespace tubelet::cuda
