// Finds and opens libtubelet_cuda.
#pragma once

#include "tubelet_cuda.h"

#include <string>

namespace tubelet {

struct FoundCudaLibrary {
  const CudaLibrary *library = nullptr; ///< never closed again
  std::string path;
  std::string reason; ///< what was tried and how each failed, where there is none
};

/// TUBELET_CUDA_LIBRARY names the file; without it the one beside the addon is taken.
FoundCudaLibrary find_cuda_library();

} // namespace tubelet
