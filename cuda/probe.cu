// Tells whether the library holds code for the current GPU, before a kernel is launched on it.
#include "probe.h"

namespace tubelet::cuda {
namespace {

__global__ void probe() {}

} // namespace

cudaError_t probe_code() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, probe);
}

} // namespace tubelet::cuda
