// A case with data in guarded memory, and what a kernel needs to run on it.
#pragma once

#include "core/kernel.h"
#include "tests/cases.h"

#include <memory>
#include <new>

namespace tubelet {

/// Bytes between two zones of guard bytes (between the sanitizer's own, where there is one), aligned
/// to `alignment` and to no more than that.
class GuardedBytes {
public:
  GuardedBytes(size_t bytes, size_t alignment);
  uint8_t *data() { return memory.get() + front; }
  size_t bytes() const { return size; }
  bool is_intact() const;

private:
  struct Release {
    size_t alignment;
    void operator()(uint8_t *bytes) const { ::operator delete(bytes, std::align_val_t(alignment)); }
  };
  size_t size, front, total;
  std::unique_ptr<uint8_t, Release> memory;
};

/// Rows [begin, end) of what has rows; the rest is seen whole.
struct RowRange {
  int64_t begin = 0, end = 0;
};

class Problem {
public:
  /// Throws Error where the op refuses the case.
  Problem(const Case &which, uint64_t seed);

  const Case &which;
  std::vector<Tensor> inputs;
  Tensor output;
  std::shared_ptr<const void> attributes;

  Cost cost() const;
  float *output_data() { return reinterpret_cast<float *>(memory.back()->data()); }
  int64_t output_elements() const;
  bool is_intact() const;
  /// The input's values again, where the output took its memory.
  void restore_alias();

private:
  friend class Run;
  void add_input(const InputCase &input, uint64_t seed);
  Tensor *aliased();

  std::vector<std::unique_ptr<GuardedBytes>> memory; ///< inputs in order, then the output
  std::vector<uint8_t> alias_copy;
};

/// A kernel made ready for a problem: weights packed, scratch reserved.
class Run {
public:
  Run(Problem &problem, const Kernel &kernel, int threads);
  /// Null when the kernel takes the problem.
  static const char *refusal(Problem &problem, const Kernel &kernel, int threads);

  /// The kernel's run and nothing else.
  void call(Pool &pool);
  /// Runs into the problem's output, all of it or some rows, which then come first.
  void execute(Pool &pool);
  void execute_rows(Pool &pool, RowRange rows);
  bool is_intact() const;

private:
  void prepare_weight(int input, const KernelNeeds &needs, const NodeSpec &spec);

  Problem &problem;
  const Kernel &kernel;
  std::vector<Tensor> inputs;
  std::vector<std::unique_ptr<GuardedBytes>> memory;
  void *scratch = nullptr;
};

/// The next of a sequence of 64 random bits (SplitMix64).
uint64_t next_random(uint64_t &state);

} // namespace tubelet
