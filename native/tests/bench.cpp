// The production cases, timed: one JSON object a line, the first describing the machine's peaks.
#include "cpu/pool.h"
#include "tests/options.h"
#include "tests/peak.h"
#include "tests/problem.h"

#include <cstdio>
#include <map>
#include <memory>
#include <thread>

namespace tubelet {
namespace {

/// Products per instruction against float32's: the ceiling of narrower numbers on x86.
double peak_factor(Precision precision) {
  return precision == Precision::int8 ? 4 : precision == Precision::bf16 ? 2 : 1;
}

} // namespace

void bench_cases(const std::vector<Case> &cases, const Options &options) {
  const int threads =
      options.threads ? options.threads : std::max(1, int(std::thread::hardware_concurrency()));
  ThreadPool pool(threads);
  std::map<std::string, double> peaks;
  for (const IsaLevel &level : levels_of(options)) {
    peaks[level.name] = peak_flops(level.name, pool);
    std::printf("{\"isa\":\"%s\",\"threads\":%d,\"peakGflops\":%.1f}\n", level.name, threads,
                peaks[level.name] / 1e9);
  }
  for (const Case &which : cases) {
    if (!which.is_production)
      continue;
    Problem problem(which, 1);
    const Cost cost = problem.cost();
    const double copy = peak_copy(cost.bytes, pool);
    auto bench = [&](const IsaLevel &level, const Kernel *kernel) {
      const double peak = peaks[level.name] * peak_factor(kernel->precision);
      Run run(problem, *kernel, threads);
      const double seconds = best_seconds([&] { run.call(pool); });
      std::printf("{\"op\":\"%s\",\"case\":\"%s\",\"isa\":\"%s\",\"kernel\":\"%s\",\"precision\":"
                  "\"%s\",\"threads\":%d,"
                  "\"ms\":%.4f,\"gflops\":%.2f,\"percentOfPeak\":%.1f,\"gbs\":%.2f,"
                  "\"percentOfCopy\":%.1f}\n",
                  which.op->name, which.name.c_str(), level.name, kernel->name,
                  name_of(kernel->precision), threads, seconds * 1e3, cost.flops / seconds / 1e9,
                  100 * cost.flops / seconds / peak, cost.bytes / seconds / 1e9,
                  100 * cost.bytes / seconds / copy);
    };
    for (const IsaLevel &level : levels_of(options))
      for (const Kernel *kernel : kernels_of(level, which.op->id))
        if (!Run::refusal(problem, *kernel, threads))
          bench(level, kernel);
  }
}

} // namespace tubelet
