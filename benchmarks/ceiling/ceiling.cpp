// ceiling THREADS [amx] [BYTES...]: what this machine can do at best, as one line of JSON. Built by src/ceiling.ts.
//   f32Gflops   float32 multiply-adds in registers, the widest instruction there is, all threads; two flops each
//   bf16Gflops  the same with pairs of bfloat16 (vdpbf16ps); absent where the processor lacks it
//   int8Gflops  the same with quadruples of 8-bit integers (vpdpbusd of AVX-512); absent likewise
//               Where `amx` is said, both by its tiles; cpuid alone does not tell that they work.
//   copies      bytes read and written per second when half of BYTES is copied to the other half, again and again
// Rates are by the processor time that each thread had, so that other programs change them little.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

/// Dependent chains: enough to hide a latency of 4 or 5 cycles on two ports.
constexpr int chains = 12;
constexpr int64_t rounds = 10000000;

typedef float Vec4 __attribute__((vector_size(16)));

/// Multiplies and adds in registers; the empty asm keeps the rounds apart. Every loop is
/// unrolled, or the sums would live in memory.
#define EACH_CHAIN _Pragma("GCC unroll 12") for (int c = 0; c < chains; c++)
#define MULTIPLY_ADD_CHAINS(name, target_isa, Vec, Factor, constraint, start, step)                \
  target_isa float name(float value) {                                                             \
    Vec sums[chains];                                                                              \
    Factor factor;                                                                                 \
    std::memset(&factor, 0, sizeof factor);                                                        \
    EACH_CHAIN sums[c] = start;                                                                    \
    for (int64_t i = 0; i < rounds; i++) {                                                         \
      EACH_CHAIN {                                                                                 \
        sums[c] = step;                                                                            \
        asm volatile("" : constraint(sums[c]));                                                    \
      }                                                                                            \
    }                                                                                              \
    float total = 0;                                                                               \
    EACH_CHAIN total += float(sums[c][0]);                                                         \
    return total;                                                                                  \
  }

struct Chain {
  float (*run)(float value) = nullptr;
  double flops = 0; ///< of a run
};

Chain chain_of(float (*run)(float value), int flops_per_step) {
  return {run, double(flops_per_step) * chains * double(rounds)};
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f")))
#define AVX512_BF16 __attribute__((target("avx512f,avx512bf16")))
#define AVX512_VNNI __attribute__((target("avx512f,avx512vnni")))
#define AVX2 __attribute__((target("avx2,fma")))
MULTIPLY_ADD_CHAINS(chain_sse, , Vec4, Vec4, "+x", (Vec4{value, value, value, value}),
                    sums[c] * factor + factor)
MULTIPLY_ADD_CHAINS(chain_avx2, AVX2, __m256, __m256, "+x", _mm256_set1_ps(value),
                    _mm256_fmadd_ps(sums[c], factor, factor))
MULTIPLY_ADD_CHAINS(chain_avx512, AVX512, __m512, __m512, "+v", _mm512_set1_ps(value),
                    _mm512_fmadd_ps(sums[c], factor, factor))
MULTIPLY_ADD_CHAINS(chain_avx512_bf16, AVX512_BF16, __m512, __m512bh, "+v", _mm512_set1_ps(value),
                    _mm512_dpbf16_ps(sums[c], factor, factor))
MULTIPLY_ADD_CHAINS(chain_avx512_vnni, AVX512_VNNI, __m512i, __m512i, "+v",
                    _mm512_set1_epi32(int(value)), _mm512_dpbusd_epi32(sums[c], factor, factor))

/// Four tiles of sums, two of factors: 16 rows by 16 columns by 64 bytes an instruction.
constexpr int64_t tile_rounds = 1000000;
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16};
};
constexpr TileConfig tile_config;
#define MULTIPLY_TILES(name, multiply)                                                             \
  __attribute__((target("amx-tile,amx-bf16,amx-int8"))) float name(float value) {                  \
    _tile_loadconfig(&tile_config);                                                                \
    for (int64_t i = 0; i < tile_rounds; i++) {                                                    \
      multiply(0, 4, 5);                                                                           \
      multiply(1, 4, 5);                                                                           \
      multiply(2, 4, 5);                                                                           \
      multiply(3, 4, 5);                                                                           \
    }                                                                                              \
    _tile_release();                                                                               \
    return value;                                                                                  \
  }
MULTIPLY_TILES(tiles_bf16, _tile_dpbf16ps)
MULTIPLY_TILES(tiles_int8, _tile_dpbusd)

Chain tiles_of(float (*run)(float value), int depth) {
  return {run, 2.0 * 16 * 16 * depth * 4 * double(tile_rounds)};
}

Chain f32_chain() {
  if (__builtin_cpu_supports("avx512f"))
    return chain_of(chain_avx512, 32);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return chain_of(chain_avx2, 16);
  return chain_of(chain_sse, 8);
}

Chain bf16_chain(bool has_tiles) {
  if (has_tiles)
    return tiles_of(tiles_bf16, 32);
  if (__builtin_cpu_supports("avx512bf16"))
    return chain_of(chain_avx512_bf16, 64);
  return {};
}

Chain int8_chain(bool has_tiles) {
  if (has_tiles)
    return tiles_of(tiles_int8, 64);
  if (__builtin_cpu_supports("avx512vnni"))
    return chain_of(chain_avx512_vnni, 128);
  return {};
}
#else
MULTIPLY_ADD_CHAINS(chain_vector, , Vec4, Vec4, "+w", (Vec4{value, value, value, value}),
                    sums[c] * factor + factor)

Chain f32_chain() { return chain_of(chain_vector, 8); }
Chain bf16_chain(bool) { return {}; }
Chain int8_chain(bool) { return {}; }
#endif

/// Linux gives the tile registers to those who ask (ARCH_REQ_XCOMP_PERM, XTILEDATA).
bool ask_for_tiles() {
#if defined(__linux__) && defined(__x86_64__)
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

/// Seconds of the processor that the calling thread has had: the same on a busy machine.
double thread_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// Sum over `threads` threads, which start together, of each one's best rate: `amount` by the seconds of
/// `work(thread)`.
double rate_on(int threads, double amount, const std::function<void(int)> &work) {
  std::vector<double> rates(size_t(threads) * 8);
  const auto body = [&](int thread) {
    for (int i = 0; i < 5; i++) {
      const double start = thread_seconds();
      work(thread);
      double &rate = rates[size_t(thread) * 8];
      rate = std::max(rate, amount / (thread_seconds() - start));
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; i++)
    others.emplace_back(body, i);
  body(0);
  for (std::thread &other : others)
    other.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

double gflops(const Chain &chain, int threads) {
  std::vector<float> results(size_t(threads) * 16);
  return rate_on(threads, chain.flops, [&](int i) { results[size_t(i) * 16] = chain.run(0.5f); }) /
         1e9;
}

double copy_gbs(int64_t bytes, int threads) {
  const size_t each = size_t(std::max<int64_t>(64, bytes / 2 / threads));
  const int64_t total = int64_t(threads) * int64_t(2 * each);
  const int64_t repeats = std::max<int64_t>(1, (int64_t(1) << 28) / total);
  std::vector<std::vector<char>> from(threads, std::vector<char>(each, 1)), to(from);
  const double amount = 2.0 * double(each) * double(repeats);
  return rate_on(threads, amount,
                 [&](int i) {
                   for (int64_t r = 0; r < repeats; r++) {
                     std::memcpy(to[i].data(), from[i].data(), each);
                     asm volatile("" : : "r"(to[i].data()), "r"(from[i].data()) : "memory");
                   }
                 }) /
         1e9;
}

} // namespace

int main(int count, char **arguments) {
  const int threads = count > 1 ? std::atoi(arguments[1]) : 0;
  if (threads < 1) {
    std::fprintf(stderr, "usage: ceiling THREADS [amx] [BYTES...]\n");
    return 2;
  }
  const bool wants_tiles = count > 2 && std::strcmp(arguments[2], "amx") == 0;
  if (wants_tiles && !ask_for_tiles()) {
    std::fprintf(stderr, "ceiling: the system refuses the tile registers\n");
    return 1;
  }
  std::printf("{\"f32Gflops\":%.1f", gflops(f32_chain(), threads));
  if (const Chain chain = bf16_chain(wants_tiles); chain.run)
    std::printf(",\"bf16Gflops\":%.1f", gflops(chain, threads));
  if (const Chain chain = int8_chain(wants_tiles); chain.run)
    std::printf(",\"int8Gflops\":%.1f", gflops(chain, threads));
  std::printf(",\"copies\":[");
  const int first = wants_tiles ? 3 : 2;
  for (int i = first; i < count; i++) {
    const int64_t bytes = std::atoll(arguments[i]);
    std::printf("%s{\"bytes\":%lld,\"gbs\":%.1f}", i > first ? "," : "",
                static_cast<long long>(bytes), copy_gbs(bytes, threads));
  }
  std::printf("]}\n");
  return 0;
}
