// Tiles of a matrix brought to shared memory by the copy engine (TMA, compute capability 9.0), and the barriers in
// shared memory that count what has come. A barrier goes through phases: one is over when all arrivals that it
// was made for, and all bytes that they announced, are there. Phases are told apart by their parity, 0 first.
//
// A tile is `rows` rows of 64 16-bit elements: 128 bytes each, whose 16-byte units are swizzled by the row as
// in wgmma.cuh. It starts at a multiple of 1024 bytes. What lies outside of the matrix is 0.
#pragma once

#include "copy.cuh"

namespace tubelet::cuda {

constexpr int tile_columns = 64, tile_row_bytes = 128, tile_alignment = 1024;

/// What the copy engine knows of a matrix: a CUtensorMap.
struct alignas(64) TileMap {
  uint64_t words[16];
};

struct Barrier {
  uint64_t word;
};

#ifdef __CUDACC__

__device__ inline void make_barrier(Barrier *barrier, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
               "r"(arrivals)
               : "memory");
}

/// After make_barrier, so that the copy engine sees them; other threads after a barrier of the block.
__device__ inline void show_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void arrive(Barrier *barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
               : "memory");
}

/// Arrives and announces `bytes` that the copy engine will bring.
__device__ inline void arrive_expecting(Barrier *barrier, unsigned bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

/// Returns when the phase of this parity is over.
__device__ inline void wait_for(Barrier *barrier, unsigned parity) {
  uint32_t is_over;
  do
    asm volatile("{\n"
                 ".reg .pred over;\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 over, [%1], %2;\n"
                 "selp.b32 %0, 1, 0, over;\n"
                 "}"
                 : "=r"(is_over)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
  while (!is_over);
}

/// Starts the copy of the tile at (row, column); its bytes are counted by the barrier.
__device__ inline void load_tile(void *to_shared, const TileMap &map, int32_t column, int32_t row,
                                 Barrier *barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(to_shared)),
               "l"(&map), "r"(column), "r"(row), "r"(shared_address(barrier))
               : "memory");
}

/// What this thread wrote to shared memory may be read by wgmma and the copy engine.
__device__ inline void show_stores() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// Meets `threads` threads of the block; `name` 1 to 15.
__device__ inline void meet(int name, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(name), "r"(threads) : "memory");
}

#else // on the host, for tests

inline uint32_t shared_address(const void *in_shared) {
  return emulated::shared_address(in_shared);
}
inline void make_barrier(Barrier *barrier, unsigned arrivals) {
  emulated::make_barrier(barrier, arrivals);
}
inline void show_barriers() {}
inline void arrive(Barrier *barrier) { emulated::arrive(barrier, 0); }
inline void arrive_expecting(Barrier *barrier, unsigned bytes) { emulated::arrive(barrier, bytes); }
inline void wait_for(Barrier *barrier, unsigned parity) { emulated::wait_for(barrier, parity); }
inline void load_tile(void *to_shared, const TileMap &map, int32_t column, int32_t row,
                      Barrier *barrier) {
  emulated::load_tile(to_shared, &map, column, row, barrier);
}
inline void show_stores() {}
inline void meet(int name, int threads) { emulated::meet(name, threads); }

#endif

/// The first place at or after `start` where a tile may lie.
__device__ inline unsigned char *first_tile(unsigned char *start) {
  return start + (-shared_address(start) & (tile_alignment - 1));
}

} // namespace tubelet::cuda
