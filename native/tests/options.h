// Command line of the conformance program.
#pragma once

#include "cpu/isa.h"
#include "tests/cases.h"

namespace tubelet {

struct Options {
  std::string op, isa; ///< empty: all
  std::string device;  ///< a kind of device other than the CPU; `isa` is then one to compare with
  int threads = 0;     ///< 0: 1 and 2, a benchmark all
  bool list = false, checks = false, bench = false;
  bool small = false; ///< no production cases
};

/// Levels that this machine runs, best first, or the chosen one; a device comes before.
std::vector<IsaLevel> levels_of(const Options &options);

/// A level's own kernels of an op; it may have none.
std::span<const Kernel *const> kernels_of(const IsaLevel &level, OpId op);

/// Each prints what failed and a summary, and returns the number of failures.
int test_cases(const std::vector<Case> &cases, const Options &options);
int test_company(const std::vector<Case> &cases, const Options &options);
int test_narrow(const std::vector<Case> &cases, const Options &options);
int test_normal(const Options &options);
int test_checks(const Options &options);
int test_amx();
void bench_cases(const std::vector<Case> &cases, const Options &options);

} // namespace tubelet
