#pragma once

#include "ops/normal.h"
#include "tests/reference/reference.h"

#include <numbers>

namespace tubelet {

using Words = std::array<uint32_t, 4>;

/// Philox4x32-10 as table 2 and section 3.3 of Salmon et al. 2011 have it.
inline Words philox(Words counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t(0xD2511F53) * counter[0], b = uint64_t(0xCD9E8D57) * counter[2];
    counter = {uint32_t(b >> 32) ^ counter[1] ^ (key0 + uint32_t(round) * 0x9E3779B9), uint32_t(b),
               uint32_t(a >> 32) ^ counter[3] ^ (key1 + uint32_t(round) * 0xBB67AE85), uint32_t(a)};
  }
  return counter;
}

template <class Real> Real normal_element(const ReferenceCall &call, int64_t index) {
  const auto key = [&](int i) { return uint32_t(index_at(call.inputs[Normal::key], i)); };
  const uint64_t n = uint64_t(key(3)) + uint64_t(index);
  const Words words = philox({uint32_t(n / 4), uint32_t(n / 4 >> 32), key(2), 0}, key(0), key(1));
  const int first = n % 4 < 2 ? 0 : 2;
  const double radius = std::sqrt(-2 * std::log((words[size_t(first)] + 0.5) * 0x1p-32));
  const double angle = 2 * std::numbers::pi * words[size_t(first) + 1] * 0x1p-32;
  return Real(radius * (n % 2 == 0 ? std::cos(angle) : std::sin(angle)));
}

} // namespace tubelet
