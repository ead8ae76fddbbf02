// What the machine can do at best, measured now.
#pragma once

#include "core/kernel.h"

#include <string>

namespace tubelet {

/// Float32 multiply-adds in registers on all threads of the pool, at an ISA level. Two flops each.
double peak_flops(const std::string &isa, Pool &pool);

/// Bytes per second, read and written, of copying `bytes` / 2 to as many, again and again.
double peak_copy(double bytes, Pool &pool);

/// Shortest of repeated runs, in seconds; at least three, for at least 0.2 seconds in all.
template <class Body> double best_seconds(Body &&body);

} // namespace tubelet

#include <chrono>

template <class Body> double tubelet::best_seconds(Body &&body) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30, total = 0;
  for (int i = 0; i < 3 || (total < 0.2 && i < 10000); i++) {
    const auto start = Clock::now();
    body();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = seconds < best ? seconds : best;
    total += seconds;
  }
  return best;
}
