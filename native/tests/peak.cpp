#include "tests/peak.h"

#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tubelet {
namespace {

constexpr int64_t rounds = 100000; // a third of a millisecond: short beside a time slice
/// Chains of dependent multiply-adds: enough to hide a latency of 4 or 5 cycles on two ports.
constexpr int chains = 12;

typedef float Vec4 __attribute__((vector_size(16)));

/// Multiplies and adds in registers, `rounds` times. The sums have names of their own: an array of
/// them would live in memory. The barriers keep the compiler from folding the rounds.
#define TUBELET_EACH(step) step(a) step(b) step(c) step(d) step(e) step(f)
#define TUBELET_BEGIN(s) Vec s##0 = scale, s##1 = scale;
#define TUBELET_STEP(s)                                                                            \
  s##0 = multiply_add(s##0, scale, scale);                                                         \
  s##1 = multiply_add(s##1, scale, scale);                                                         \
  asm volatile("" : TUBELET_REGISTER(s##0), TUBELET_REGISTER(s##1));
#define TUBELET_SUM(s) +s##0 [0] + s##1 [0]
#define TUBELET_BODY                                                                               \
  Vec scale;                                                                                       \
  for (size_t lane = 0; lane < sizeof(Vec) / 4; lane++)                                            \
    scale[lane] = factor;                                                                          \
  TUBELET_EACH(TUBELET_BEGIN)                                                                      \
  for (int64_t i = 0; i < rounds; i++) {                                                           \
    TUBELET_EACH(TUBELET_STEP)                                                                     \
  }                                                                                                \
  return 0.0f TUBELET_EACH(TUBELET_SUM);

#if defined(__x86_64__)
#define TUBELET_REGISTER(s) "+v"(s)
__attribute__((target("avx2,fma"))) float chain_avx2(float factor) {
  using Vec = __m256;
#define multiply_add _mm256_fmadd_ps
  TUBELET_BODY
#undef multiply_add
}
__attribute__((target("avx512f"))) float chain_avx512(float factor) {
  using Vec = __m512;
#define multiply_add _mm512_fmadd_ps
  TUBELET_BODY
#undef multiply_add
}
#else
#define TUBELET_REGISTER(s) "+w"(s)
#endif
inline Vec4 multiply_add(Vec4 a, Vec4 b, Vec4 c) { return a * b + c; }
float chain_baseline(float factor) {
  using Vec = Vec4;
  TUBELET_BODY
}

struct Chain {
  float (*run)(float factor);
  int lanes;
};

Chain chain_of(const std::string &isa) {
#if defined(__x86_64__)
  if (isa.starts_with("avx512"))
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
