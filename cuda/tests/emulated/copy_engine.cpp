// Barriers in shared memory, and the engine that copies tiles: a copy is made when no thread can go on
// without it, and what was in its place is NaN from the moment it is asked for.
#include "cuda.h"
#include "cuda_runtime_api.h"

#include <cstring>

namespace emulated {
namespace {

/// In the 8 bytes of a barrier.
struct State {
  uint16_t expected, pending;
  int32_t bytes : 31; ///< announced and not there yet
  uint32_t parity : 1;
};
static_assert(sizeof(State) == 8);

State &state_of(void *barrier) {
  if (shared_address(barrier) % 8)
    fail("a barrier is not aligned to 8 bytes");
  return *static_cast<State *>(barrier);
}

void end_phase(State &state) {
  if (state.pending > 0 || state.bytes > 0)
    return;
  state.pending = state.expected;
  state.parity ^= 1;
}

/// What cuTensorMapEncodeTiled notes in a map.
struct Tiles {
  uint64_t start, columns, rows, row_bytes, tile_columns, tile_rows;
};

constexpr uint32_t element_bytes = 2;

CUresult encode(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *start,
                const cuuint64_t *sizes, const cuuint64_t *strides, const cuuint32_t *box,
                const cuuint32_t *steps, CUtensorMapInterleave, CUtensorMapSwizzle swizzle,
                CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  const bool is_taken = uintptr_t(map) % 64 == 0 && type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 &&
                        rank == 2 && uintptr_t(start) % 16 == 0 && sizes[0] >= 1 &&
                        sizes[0] <= uint64_t(1) << 32 && sizes[1] >= 1 &&
                        sizes[1] <= uint64_t(1) << 32 && strides[0] % 16 == 0 &&
                        strides[0] < uint64_t(1) << 40 && strides[0] >= sizes[0] * element_bytes &&
                        swizzle == CU_TENSOR_MAP_SWIZZLE_128B && box[0] >= 1 &&
                        box[0] * element_bytes <= 128 && box[0] * element_bytes % 16 == 0 &&
                        box[1] >= 1 && box[1] <= 256 && steps[0] == 1 && steps[1] == 1;
  if (!is_taken)
    return CUDA_ERROR_INVALID_VALUE;
  const Tiles tiles = {uintptr_t(start), sizes[0], sizes[1], strides[0], box[0], box[1]};
  std::memcpy(map, &tiles, sizeof tiles);
  return CUDA_SUCCESS;
}

} // namespace

void *tensor_map_encoder() { return reinterpret_cast<void *>(&encode); }

void make_barrier(void *barrier, unsigned arrivals) {
  state_of(barrier) = {uint16_t(arrivals), uint16_t(arrivals), 0, 0};
}

void arrive(void *barrier, unsigned bytes) {
  State &state = state_of(barrier);
  if (state.pending == 0)
    fail("more arrivals than a barrier expects");
  state.bytes += int32_t(bytes);
  if (state.bytes >= 1 << 20)
    fail("a barrier counts less than 2^20 bytes");
  state.pending--;
  end_phase(state);
}

void wait_for(void *barrier, unsigned parity) {
  struct Wait {
    const State &state;
    unsigned parity;
  } wait = {state_of(barrier), parity};
  wait_until(
      [](const void *context) {
        const auto &wait = *static_cast<const Wait *>(context);
        return wait.state.parity != wait.parity;
      },
      &wait);
}

void load_tile(void *to, const void *map, int32_t column, int32_t row, void *barrier) {
  Tiles tiles;
  std::memcpy(&tiles, map, sizeof tiles);
  if (shared_address(to) % 1024)
    fail("a swizzled tile is not aligned to 1024 bytes");
  const uint64_t row_bytes = tiles.tile_columns * element_bytes;
  if (row_bytes != 128)
    fail("a row of a tile is not 128 bytes");
  std::memset(to, 0xFF, tiles.tile_rows * row_bytes);
  do_later([=] {
    for (uint64_t r = 0; r < tiles.tile_rows; r++)
      for (uint64_t c = 0; c < tiles.tile_columns; c++) {
        const int64_t from_row = row + int64_t(r), from_column = column + int64_t(c);
        uint16_t element = 0;
        if (from_row >= 0 && from_row < int64_t(tiles.rows) && from_column >= 0 &&
            from_column < int64_t(tiles.columns))
          std::memcpy(&element,
                      reinterpret_cast<const char *>(tiles.start) +
                          uint64_t(from_row) * tiles.row_bytes +
                          uint64_t(from_column) * element_bytes,
                      element_bytes);
        std::memcpy(static_cast<char *>(to) + swizzled(uint32_t(r * row_bytes + c * element_bytes)),
                    &element, element_bytes);
      }
    State &state = state_of(barrier);
    state.bytes -= int32_t(tiles.tile_rows * row_bytes);
    if (state.bytes < 0)
      fail("more bytes than a barrier was told of");
    end_phase(state);
  });
}

} // namespace emulated
