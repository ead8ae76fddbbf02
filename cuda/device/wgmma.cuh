// Products of 64 x 16 by 16 x n of bfloat16 with float32 sums, by a warpgroup: four warps, the first at a multiple of
// four (wgmma, compute capability 9.0a). They run beside the warps: between start_products and products_done<0>
// nobody may touch the sums, the registers of A, or the tiles.
//
// Warp w has rows 16w to 16w + 15 of A and of the sums; a lane's registers are those of mma.cuh, sums[j] being of
// columns 8j to 8j + 7. In shared memory A has its rows, and B its columns, as rows of 64 elements of k in 128 bytes,
// whose 16-byte units u lie at u ^ (row % 8).
#pragma once

#include "tma.cuh"

// Of the architectures, sm_90a alone has these instructions; for the others kernels with them are empty and never
// launched.
#if !defined(__CUDACC__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define TUBELET_HAS_WGMMA 1
#else
#define TUBELET_HAS_WGMMA 0
#endif

namespace tubelet::cuda {

constexpr int warpgroup_threads = 128;

/// A tile from its first row on, at element `k` of it: address / 16 in 14 bits, 1024 / 16 bytes from eight rows to
/// the next from bit 32 on, swizzle of 128 bytes in bit 62; bits 16 to 29 are 1 where there is a swizzle.
__device__ inline uint64_t tile_descriptor(const unsigned char *tile, int k) {
  const uint64_t address = (shared_address(tile) + 2 * k) >> 4 & 0x3FFF;
  return address | uint64_t(1) << 16 | uint64_t(1024 >> 4) << 32 | uint64_t(1) << 62;
}

#ifdef __CUDACC__

/// Before the first product after registers of sums or A were written.
__device__ inline void start_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

/// The products since the last call are a group.
__device__ inline void commit_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Until at most the last `groups` groups run, to which `sums` may belong.
template <int groups, int count> __device__ void products_done(float (&sums)[count][4]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(groups) : "memory");
#pragma unroll
  for (int i = 0; i < count; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
      asm volatile("" : "+f"(sums[i][j])::"memory"); // no use of a sum moves before the wait
}

/// All threads of a warpgroup give registers back, or take those that others gave back: 24 to 240, by eights.
template <int registers> __device__ void shrink_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(registers));
}
template <int registers> __device__ void grow_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(registers));
}

// clang-format off
// Of n = 8, 32, 64 and 128.
#define TUBELET_SUMS_8(i) "+f"(sums[i][0]), "+f"(sums[i][1]), "+f"(sums[i][2]), "+f"(sums[i][3])
#define TUBELET_SUMS_32(i) TUBELET_SUMS_8(i), TUBELET_SUMS_8(i + 1), TUBELET_SUMS_8(i + 2), TUBELET_SUMS_8(i + 3)
#define TUBELET_SUMS_64(i) TUBELET_SUMS_32(i), TUBELET_SUMS_32(i + 4)
#define TUBELET_SUMS_128(i) TUBELET_SUMS_64(i), TUBELET_SUMS_64(i + 8)
#define TUBELET_REGISTERS_16 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define TUBELET_REGISTERS_32 TUBELET_REGISTERS_16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define TUBELET_REGISTERS_36 TUBELET_REGISTERS_32 ", %32, %33, %34, %35"
#define TUBELET_REGISTERS_48 TUBELET_REGISTERS_32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define TUBELET_REGISTERS_64 TUBELET_REGISTERS_48 ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define TUBELET_REGISTERS_96 TUBELET_REGISTERS_64 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define TUBELET_REGISTERS_128 TUBELET_REGISTERS_96 ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

// n, the text of its n / 2 registers, the number of the first operand after them and those that follow it, the sums.
#define TUBELET_WGMMA(n, registers, p0, p1, p2, p3, p4, p5, ...)                                   \
  /** sums = a · b, added to the sums where `is_added`; a and b are tile descriptors. */           \
  __device__ inline void multiply_tiles(float (&sums)[n / 8][4], uint64_t a, uint64_t b,           \
                                        bool is_added) {                                           \
    asm volatile("{\n.reg .pred added;\nsetp.ne.b32 added, %" #p2 ", 0;\n"                         \
                 "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {" registers "}, "      \
                 "%" #p0 ", %" #p1 ", added, 1, 1, 0, 0;\n}"                                       \
                 : __VA_ARGS__ : "l"(a), "l"(b), "r"(int(is_added)));                              \
  }                                                                                                \
  /** The same with A in registers. */                                                             \
  __device__ inline void multiply_tiles(float (&sums)[n / 8][4], const uint32_t (&a)[4],           \
                                        uint64_t b, bool is_added) {                               \
    asm volatile("{\n.reg .pred added;\nsetp.ne.b32 added, %" #p5 ", 0;\n"                         \
                 "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {" registers "}, "      \
                 "{%" #p0 ", %" #p1 ", %" #p2 ", %" #p3 "}, %" #p4 ", added, 1, 1, 0;\n}"          \
                 : __VA_ARGS__ : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b),               \
                   "r"(int(is_added)));                                                            \
  }

TUBELET_WGMMA(32, TUBELET_REGISTERS_16, 16, 17, 18, 19, 20, 21, TUBELET_SUMS_32(0))
TUBELET_WGMMA(64, TUBELET_REGISTERS_32, 32, 33, 34, 35, 36, 37, TUBELET_SUMS_64(0))
TUBELET_WGMMA(72, TUBELET_REGISTERS_36, 36, 37, 38, 39, 40, 41, TUBELET_SUMS_64(0), TUBELET_SUMS_8(8))
TUBELET_WGMMA(96, TUBELET_REGISTERS_48, 48, 49, 50, 51, 52, 53, TUBELET_SUMS_64(0), TUBELET_SUMS_32(8))
TUBELET_WGMMA(128, TUBELET_REGISTERS_64, 64, 65, 66, 67, 68, 69, TUBELET_SUMS_128(0))
TUBELET_WGMMA(192, TUBELET_REGISTERS_96, 96, 97, 98, 99, 100, 101, TUBELET_SUMS_128(0), TUBELET_SUMS_64(16))
TUBELET_WGMMA(256, TUBELET_REGISTERS_128, 128, 129, 130, 131, 132, 133, TUBELET_SUMS_128(0), TUBELET_SUMS_128(16))
#undef TUBELET_WGMMA
#undef TUBELET_SUMS_8
#undef TUBELET_SUMS_128
#undef TUBELET_SUMS_32
#undef TUBELET_SUMS_64
#undef TUBELET_REGISTERS_16
#undef TUBELET_REGISTERS_32
#undef TUBELET_REGISTERS_36
#undef TUBELET_REGISTERS_48
#undef TUBELET_REGISTERS_64
#undef TUBELET_REGISTERS_96
#undef TUBELET_REGISTERS_128
// clang-format on

#else // on the host, for tests

inline void start_products() { emulated::start_products(); }
inline void commit_products() { emulated::commit_products(); }
template <int groups, int count> void products_done(float (&)[count][4]) {
  emulated::products_done(groups);
}
template <int registers> void shrink_registers() {}
template <int registers> void grow_registers() {}
template <int count>
void multiply_tiles(float (&sums)[count][4], uint64_t a, uint64_t b, bool is_added) {
  emulated::multiply_tiles({sums[0], 8 * count, nullptr, a, b, is_added});
}
template <int count>
void multiply_tiles(float (&sums)[count][4], const uint32_t (&a)[4], uint64_t b, bool is_added) {
  emulated::multiply_tiles({sums[0], 8 * count, a, 0, b, is_added});
}

#endif

} // namespace tubelet::cuda
