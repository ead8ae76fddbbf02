// Gated residual: one pass; the gate's row is looked up per vector of four and stays in the cache.
#include "elementwise.cuh"
#include "ops/gated_residual.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "gated_residual.elementwise";

struct AddGated {
  __device__ float operator()(float x, float y, float gate) const { return fmaf(gate, y, x); }
};

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const GatedResidual::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[GatedResidual::x], &y = call.inputs[GatedResidual::y];
  const Tensor &modulation = call.inputs[GatedResidual::modulation], &out = *call.output;
  const Extent extent = {x.shape[0], x.shape[1], x.shape[1],
                         is_vectored(x) && is_vectored(y) && is_vectored(out) &&
                             is_vectored(modulation, attributes.gate_column)};
  launch_elementwise(stream_of(pool), name, extent, floats_out(out), AddGated{},
                     Rows<>{floats(x), x.row_stride}, Rows<>{floats(y), y.row_stride},
                     Rows<>{floats(modulation) + attributes.gate_column, modulation.row_stride,
                            integers(call.inputs[GatedResidual::row])});
}

constexpr Kernel kernel = {name, accepts_flat, nullptr, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList gated_residual_kernels;
const KernelList gated_residual_kernels = {list, 1};

} // namespace tubelet::cuda
