// Tensors stored as bfloat16 between kernels: what a kernel makes of them, and of float32 that holds the
// same values, are the same bytes, rounded where it stores bfloat16 itself.
#include "cpu/pool.h"
#include "tests/options.h"
#include "tests/problem.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace tubelet {
namespace {

/// To nearest even; denormals are 0, as the processor's instruction has it.
uint16_t bfloat_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value))
    return uint16_t(bits >> 16 | 0x40);
  if ((bits & 0x7F800000) == 0)
    return uint16_t(bits >> 16 & 0x8000);
  return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

float float_of(uint16_t bfloat) {
  const uint32_t bits = uint32_t(bfloat) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

class NarrowTest {
public:
  NarrowTest(const Case &which, const Kernel &kernel)
      : kernel(kernel), wide(which, 11), narrow(which, 11) {
    for (size_t i = 0; i < wide.inputs.size(); i++)
      if (kernel.reads_bf16 >> i & 1 && wide.inputs[i].rank > 0)
        narrow_input(i);
    if (kernel.writes_bf16) {
      memory.push_back(std::make_unique<GuardedBytes>(2 * size_t(narrow.output_elements()), 2));
      narrow.output.data = memory.back()->data();
      narrow.output.dtype = DType::bf16;
    }
  }

  bool is_same() {
    Run(wide, kernel, 2).execute(pool);
    Run run(narrow, kernel, 2);
    run.call(pool);
    for (const auto &bytes : memory)
      if (!bytes->is_intact())
        return false;
    const float *expected = wide.output_data();
    for (int64_t i = 0; i < narrow.output_elements(); i++) {
      const uint16_t want = bfloat_of(expected[i]);
      uint16_t got;
      if (kernel.writes_bf16)
        std::memcpy(&got, static_cast<uint8_t *>(narrow.output.data) + 2 * i, 2);
      else
        got = bfloat_of(narrow.output_data()[i]);
      if (got != want && !(std::isnan(float_of(got)) && std::isnan(float_of(want))))
        return false;
    }
    return run.is_intact();
  }

private:
  void narrow_input(size_t index) {
    Tensor &from = wide.inputs[index], &to = narrow.inputs[index];
    int64_t rows = 1, last = from.shape[from.rank - 1];
    for (int axis = 0; axis + 1 < from.rank; axis++)
      rows *= from.shape[axis];
    const int64_t elements = rows == 0 ? 0 : (rows - 1) * from.row_stride + last;
    memory.push_back(std::make_unique<GuardedBytes>(2 * size_t(elements), 2));
    for (int64_t i = 0; i < elements; i++) {
      if (i % from.row_stride >= last)
        continue; // between rows
      float *value = static_cast<float *>(from.data) + i;
      const uint16_t rounded = bfloat_of(*value);
      *value = float_of(rounded);
      std::memcpy(memory.back()->data() + 2 * i, &rounded, 2);
    }
    to.data = memory.back()->data();
    to.dtype = DType::bf16;
  }

  const Kernel &kernel;
  Problem wide, narrow;
  std::vector<std::unique_ptr<GuardedBytes>> memory;
  ThreadPool pool{2};
};

} // namespace

int test_narrow(const std::vector<Case> &cases, const Options &options) {
  int passed = 0, failed = 0;
  for (const Case &which : cases)
    for (const IsaLevel &level : levels_of(options))
      for (const Kernel *kernel : kernels_of(level, which.op->id)) {
        if (!(kernel->reads_bf16 || kernel->writes_bf16) || !which.alias.empty())
          continue;
        Problem probe(which, 11);
        if (Run::refusal(probe, *kernel, 2))
          continue;
        const bool is_same = NarrowTest(which, *kernel).is_same();
        (is_same ? passed : failed)++;
        if (!is_same)
          std::printf("FAIL narrow %s %s %s: other bytes than from float32\n", which.text().c_str(),
                      level.name, kernel->name);
      }
  std::printf("%s narrow: %d passed, %d failed\n", failed ? "FAIL" : "ok", passed, failed);
  return failed;
}

} // namespace tubelet
