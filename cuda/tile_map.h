// Whether this GPU runs the kernels with wgmma, and the maps that those kernels' copies need.
#pragma once

#include <cstdint>
#include <cuda_runtime_api.h>

namespace tubelet::cuda {

struct TileMap;

/// To be called when a device is opened, before wgmma_refusal.
cudaError_t find_wgmma(cudaStream_t stream);
/// Null where kernels with wgmma run; else why not, for people.
const char *wgmma_refusal();

/// A matrix of bfloat16, `row_elements` from row to row, in tiles of `tile_rows` rows by 64 columns. `start` is at a
/// multiple of 16 bytes, a row a multiple of 8 elements.
cudaError_t map_tiles(TileMap *map, const void *start, int64_t columns, int64_t rows,
                      int64_t row_elements, int tile_rows);

} // namespace tubelet::cuda
