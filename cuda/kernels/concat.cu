// Concatenation: each input is copied to its place by a launch of its own.
#include "elementwise.cuh"
#include "ops/concat.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "concat.copy";

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Concat::Attributes *>(call.attributes);
  Tensor part = *call.output;
  for (int i = 0; i < call.input_count; i++) {
    const Tensor &x = call.inputs[i];
    part.shape[attributes.axis] = x.shape[attributes.axis];
    run_elementwise(pool, name, part, Copy{}, x);
    part.data = floats_out(part) + (attributes.axis == 0 ? element_count(x) : last_of(x));
  }
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList concat_kernels;
const KernelList concat_kernels = {list, 1};

} // namespace tubelet::cuda
