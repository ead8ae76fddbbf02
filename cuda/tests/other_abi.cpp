// A library of another build, for the loader to refuse.
#include "tubelet_cuda.h"

extern "C" __attribute__((visibility("default"))) const tubelet::CudaLibrary *
tubelet_cuda_entry(uint32_t, uint32_t *library_abi) {
  *library_abi = TUBELET_CUDA_ABI + 1;
  return nullptr;
}
