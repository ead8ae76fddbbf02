#include "tests/peak.h"

#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tubelet {
namespace {

constexpr int64_t rounds = 1000000;
/// Chains of dependent multiply-adds: enough to hide a latency of 4 or 5 cycles on two ports.
constexpr int chains = 12;

typedef float Vec4 __attribute__((vector_size(16)));

/// Multiplies and adds in registers, `rounds` times; the barrier keeps the rounds apart.
#define TUBELET_CHAINS(name, target_isa, Vec, constraint, multiply_add)                            \
  target_isa float name(float factor) {                                                            \
    Vec sums[chains], scale;                                                                       \
    for (size_t lane = 0; lane < sizeof(Vec) / 4; lane++)                                          \
      scale[lane] = factor;                                                                        \
    for (Vec &sum : sums)                                                                          \
      sum = scale;                                                                                 \
    for (int64_t i = 0; i < rounds; i++) {                                                         \
      _Pragma("GCC unroll 12") for (int c = 0; c < chains; c++) {                                  \
        sums[c] = multiply_add(sums[c], scale, scale);                                             \
        asm volatile("" : constraint(sums[c]));                                                    \
      }                                                                                            \
    }                                                                                              \
    float total = 0;                                                                               \
    for (const Vec &sum : sums)                                                                    \
      total += sum[0];                                                                             \
    return total;                                                                                  \
  }

#if defined(__x86_64__)
inline Vec4 multiply_add_4(Vec4 a, Vec4 b, Vec4 c) { return a * b + c; }
TUBELET_CHAINS(chain_baseline, , Vec4, "+x", multiply_add_4)
TUBELET_CHAINS(chain_avx2, __attribute__((target("avx2,fma"))), __m256, "+x", _mm256_fmadd_ps)
TUBELET_CHAINS(chain_avx512, __attribute__((target("avx512f"))), __m512, "+v", _mm512_fmadd_ps)
#else
inline Vec4 multiply_add_4(Vec4 a, Vec4 b, Vec4 c) { return a * b + c; }
TUBELET_CHAINS(chain_baseline, , Vec4, "+w", multiply_add_4)
#endif

struct Chain {
  float (*run)(float factor);
  int lanes;
};

Chain chain_of(const std::string &isa) {
#if defined(__x86_64__)
  if (isa == "avx512")
    return {chain_avx512, 16};
  if (isa == "avx2")
    return {chain_avx2, 8};
#endif
  return {chain_baseline, 4};
}

template <class Body> void on_all_threads(Pool &pool, Body &&body) {
  pool.run(
      pool, pool.threads,
      [](void *context, int64_t index, int) {
        (*static_cast<std::remove_reference_t<Body> *>(context))(index);
      },
      &body);
}

} // namespace

double peak_flops(const std::string &isa, Pool &pool) {
  const Chain chain = chain_of(isa);
  std::vector<float> results(size_t(pool.threads) * 16);
  const double seconds = best_seconds(
      [&] { on_all_threads(pool, [&](int64_t i) { results[size_t(i) * 16] = chain.run(0.5f); }); });
  return 2.0 * chains * chain.lanes * double(rounds) * pool.threads / seconds;
}

double peak_copy(double bytes, Pool &pool) {
  const size_t floats = size_t(bytes / 8 / pool.threads);
  std::vector<float> from(floats * size_t(pool.threads), 1), to(from.size());
  const double seconds = best_seconds([&] {
    on_all_threads(pool, [&](int64_t i) {
      std::memcpy(to.data() + size_t(i) * floats, from.data() + size_t(i) * floats, 4 * floats);
    });
  });
  return 8.0 * double(from.size()) / seconds;
}

} // namespace tubelet
