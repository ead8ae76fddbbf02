// Products of 16 x 16 by 16 x 8 tiles of bfloat16 with float32 sums, by a warp (mma.sync, compute
// capability 8.0). With g = lane / 4 and t = lane % 4, a lane holds
//   of A   rows g and g + 8, columns 2t, 2t + 1 (+ 8): {g, 2t}, {g + 8, 2t}, {g, 2t + 8}, {g + 8, 2t + 8}
//   of B   column g, rows 2t, 2t + 1 and 2t + 8, 2t + 9
//   of C   {g, 2t}, {g, 2t + 1}, {g + 8, 2t}, {g + 8, 2t + 1}
// two bfloat16 to a register, the lower one first.
#pragma once

#include "copy.cuh"

namespace tubelet::cuda {

#ifdef __CUDACC__

/// Rounded to nearest even.
__device__ inline uint32_t bfloat_pair(float low, float high) {
  uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

/// Four 8 x 8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8. Of each
/// matrix a lane gets row g, columns 2t and 2t + 1.
__device__ inline void load_matrices(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}

/// The same of the transposed matrices: column g, rows 2t and 2t + 1.
__device__ inline void load_matrices_transposed(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row))
               : "memory");
}

/// sum += a · b
__device__ inline void multiply_add(float (&sum)[4], const uint32_t (&a)[4],
                                    const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// 2 to the power of x, denormal results as 0.
__device__ inline float power_of_two(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

#else // on the host, for tests

inline uint32_t bfloat_pair(float low, float high) {
  return emulated::bfloat(low) | emulated::bfloat(high) << 16;
}
inline void load_matrices(uint32_t (&to)[4], const void *row) {
  emulated::load_matrices(to, row, false);
}
inline void load_matrices_transposed(uint32_t (&to)[4], const void *row) {
  emulated::load_matrices(to, row, true);
}
inline void multiply_add(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated::multiply_add(sum, a, b);
}
inline float power_of_two(float x) { return exp2f(x); }

#endif

} // namespace tubelet::cuda
