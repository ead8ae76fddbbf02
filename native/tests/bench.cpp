// The production cases, timed: one JSON object a line.
#include "cpu/pool.h"
#include "tests/options.h"
#include "tests/problem.h"

#include <chrono>
#include <cstdio>
#include <thread>

namespace tubelet {
namespace {

/// Shortest of repeated runs, in seconds; at least three, for at least 0.2 seconds in all.
template <class Body> double best_seconds(Body &&body) {
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

} // namespace

void bench_cases(const std::vector<Case> &cases, const Options &options) {
  const int threads =
      options.threads ? options.threads : std::max(1, int(std::thread::hardware_concurrency()));
  ThreadPool pool(threads);
  for (const Case &which : cases) {
    if (!which.is_production)
      continue;
    Problem problem(which, 1);
    const Cost cost = problem.cost();
    for (const IsaLevel &level : levels_of(options))
      for (const Kernel *kernel : kernels_of(level, which.op->id)) {
        if (Run::refusal(problem, *kernel, threads))
          continue;
        Run run(problem, *kernel, threads);
        const double seconds = best_seconds([&] { run.call(pool); });
        std::printf("{\"op\":\"%s\",\"case\":\"%s\",\"isa\":\"%s\",\"kernel\":\"%s\",\"precision\":"
                    "\"%s\",\"threads\":%d,\"ms\":%.4f,\"gflops\":%.2f,\"gbs\":%.2f}\n",
                    which.op->name, which.name.c_str(), level.name, kernel->name,
                    name_of(kernel->precision), threads, seconds * 1e3, cost.flops / seconds / 1e9,
                    cost.bytes / seconds / 1e9);
      }
  }
}

} // namespace tubelet
