// Tells whether the library holds code for the current GPU, and which, before a kernel is launched on it.
#include "probe.h"

#include "device/wgmma.cuh"

namespace tubelet::cuda {
namespace {

__global__ void probe(int *has_wgmma) { *has_wgmma = TUBELET_HAS_WGMMA; }

} // namespace

cudaError_t probe_code() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, probe);
}

cudaError_t probe_wgmma(cudaStream_t stream, bool *has_wgmma) {
  void *answer = nullptr;
  cudaError_t error = cudaMalloc(&answer, sizeof(int));
  void *arguments[] = {&answer};
  int value = 0;
  if (error == cudaSuccess)
    error = cudaLaunchKernel(probe, dim3(1), dim3(1), arguments, 0, stream);
  if (error == cudaSuccess)
    error = cudaMemcpyAsync(&value, answer, sizeof value, cudaMemcpyDeviceToHost, stream);
  if (error == cudaSuccess)
    error = cudaStreamSynchronize(stream);
  cudaFree(answer);
  *has_wgmma = value != 0;
  return error;
}

} // namespace tubelet::cuda
