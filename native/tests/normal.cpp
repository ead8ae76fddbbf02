// The generator of normal: known answers of Philox, the distribution, and that element i depends on
// first + i alone.
#include "tests/reference/normal.h"
#include "cpu/pool.h"
#include "tests/options.h"
#include "tests/problem.h"

#include <algorithm>
#include <cstdio>

namespace tubelet {
namespace {

struct KnownAnswer {
  Words counter;
  uint32_t key0, key1;
  Words words;
};

/// kat_vectors of Random123 1.14, philox4x32 10.
constexpr KnownAnswer known_answers[] = {
    {{0, 0, 0, 0}, 0, 0, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
    {{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF},
     0xFFFFFFFF,
     0xFFFFFFFF,
     {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
    {{0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344},
     0xA4093822,
     0x299F31D0,
     {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}}};

std::vector<float> generate(const IsaLevel &level, uint32_t seed, uint32_t stream, uint32_t first,
                            int64_t count) {
  Case which;
  which.op = find_op("normal");
  InputCase key;
  key.spec = &which.op->inputs[0];
  key.shape = {4};
  key.dtype = DType::i32;
  for (uint32_t word : {seed, 0u, stream, first})
    key.values.push_back(double(int32_t(word)));
  which.inputs = {key};
  which.output = {count};
  Problem problem(which, 0);
  ThreadPool pool(2);
  Run(problem, *kernels_of(level, which.op->id)[0], 2).execute(pool);
  return {problem.output_data(), problem.output_data() + count};
}

double moment(const std::vector<float> &numbers, int power) {
  double sum = 0;
  for (float number : numbers)
    sum += std::pow(double(number), power);
  return sum / double(numbers.size());
}

/// Kolmogorov and Smirnov's distance to the normal distribution, times the root of the count.
double distance(std::vector<float> numbers) {
  std::sort(numbers.begin(), numbers.end());
  const double count = double(numbers.size());
  double largest = 0;
  for (size_t i = 0; i < numbers.size(); i++) {
    const double expected = 0.5 * std::erfc(-double(numbers[i]) * std::numbers::sqrt2 / 2);
    largest = std::max({largest, std::abs(expected - double(i) / count),
                        std::abs(expected - double(i + 1) / count)});
  }
  return largest * std::sqrt(count);
}

} // namespace

int test_normal(const Options &options) {
  int passed = 0, failed = 0;
  auto check = [&](bool is_good, const char *what) {
    (is_good ? passed : failed)++;
    if (!is_good)
      std::printf("FAIL normal: %s\n", what);
  };
  for (const KnownAnswer &known : known_answers)
    check(philox(known.counter, known.key0, known.key1) == known.words, "known answers of Philox");
  for (const IsaLevel &level : levels_of(options)) {
    if (kernels_of(level, OpId::normal).empty())
      continue;
    constexpr int64_t count = 200000;
    const std::vector<float> numbers = generate(level, 1, 0, 0, count);
    // Five standard deviations of each estimate.
    const double unit = 5 / std::sqrt(double(count));
    check(std::abs(moment(numbers, 1)) < unit, "mean");
    check(std::abs(moment(numbers, 2) - 1) < unit * std::sqrt(2), "variance");
    check(std::abs(moment(numbers, 3)) < unit * std::sqrt(15), "third moment");
    check(std::abs(moment(numbers, 4) - 3) < unit * std::sqrt(96), "fourth moment");
    check(distance(numbers) < 1.95, "Kolmogorov-Smirnov at 0.1 %");

    for (uint32_t first : {1u, 6u, 12347u}) {
      const std::vector<float> later = generate(level, 1, 0, first, 1001);
      check(std::equal(later.begin(), later.end(), numbers.begin() + first),
            "numbers of a later start");
    }
    check(generate(level, 1, 1, 0, 8) != std::vector(numbers.begin(), numbers.begin() + 8),
          "another stream");
    check(generate(level, 2, 0, 0, 8) != std::vector(numbers.begin(), numbers.begin() + 8),
          "another seed");
    const std::vector<float> last = generate(level, 1, 0, 0xFFFFFFFF, 9);
    check(last[1] != numbers[0] && last[0] == generate(level, 1, 0, 0xFFFFFFFF, 1)[0],
          "past 2^32 the count goes on");
  }
  std::printf("%s normal: %d passed, %d failed\n", failed ? "FAIL" : "ok", passed, failed);
  return failed;
}

} // namespace tubelet
