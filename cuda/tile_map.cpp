#include "tile_map.h"

#include "probe.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <cuda.h>

namespace tubelet::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *,
                            const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                            const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle,
                            CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

// Of the one GPU of the process: every session finds the same.
std::atomic<Encode> encode = nullptr;
std::atomic<const char *> refusal = "no GPU is open";

bool is_switched_off() {
  const char *wish = std::getenv("TUBELET_CUDA_WGMMA");
  return wish && std::strcmp(wish, "off") == 0;
}

/// The driver's, so that nothing is linked with libcuda.
cudaError_t find_encode() {
  void *found = nullptr;
  cudaDriverEntryPointQueryResult result{};
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found,
                                                             12000, cudaEnableDefault, &result);
  if (error == cudaSuccess && result == cudaDriverEntryPointSuccess)
    encode = reinterpret_cast<Encode>(found);
  return error;
}

} // namespace

cudaError_t find_wgmma(cudaStream_t stream) {
  bool has_wgmma = false;
  if (cudaError_t error = probe_wgmma(stream, &has_wgmma))
    return error;
  if (has_wgmma)
    if (cudaError_t error = find_encode())
      return error;
  if (!has_wgmma)
    refusal = "it needs a GPU of compute capability 9.0 and a library compiled for 9.0a";
  else if (!encode.load())
    refusal = "the driver has no cuTensorMapEncodeTiled";
  else if (is_switched_off())
    refusal = "TUBELET_CUDA_WGMMA is off";
  else
    refusal = nullptr;
  return cudaSuccess;
}

const char *wgmma_refusal() { return refusal; }

cudaError_t map_tiles(TileMap *map, const void *start, int64_t columns, int64_t rows,
                      int64_t row_elements, int tile_rows) {
  constexpr cuuint32_t tile_columns = 64;
  const cuuint64_t sizes[] = {cuuint64_t(columns), cuuint64_t(rows)};
  const cuuint64_t strides[] = {cuuint64_t(row_elements) * 2};
  const cuuint32_t box[] = {tile_columns, cuuint32_t(tile_rows)}, steps[] = {1, 1};
  const CUresult result =
      encode.load()(reinterpret_cast<CUtensorMap *>(map), CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2,
                    const_cast<void *>(start), sizes, strides, box, steps,
                    CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                    CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

} // namespace tubelet::cuda
