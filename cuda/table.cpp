// The kernels by op, derived from the files in kernels/: cuda_kernels.def is written by CMake.
#include "table.h"

#include "ops/op.h"

namespace tubelet::cuda {

#define TUBELET_CUDA_KERNELS(stem) extern const KernelList stem##_kernels;
#include "cuda_kernels.def"
#undef TUBELET_CUDA_KERNELS

const KernelList *kernels_of(int op) {
  if (op < 0 || op > UINT16_MAX)
    return nullptr;
  switch (OpId(op)) {
#define TUBELET_CUDA_KERNELS(stem)                                                                 \
  case OpId::stem:                                                                                 \
    return &stem##_kernels;
#include "cuda_kernels.def"
#undef TUBELET_CUDA_KERNELS
  default:
    return nullptr;
  }
}

} // namespace tubelet::cuda
