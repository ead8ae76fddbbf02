// Activation: one pass; every element of a call takes the same branch.
#include "elementwise.cuh"
#include "epilogue.cuh"
#include "ops/activation.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "activation.elementwise";

struct Activate {
  ActivationKind kind;

  __device__ float operator()(float x) const { return activate(kind, x); }
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
