// The bytes of a row do not depend on the rows beside it: random ranges of the rows of a case, run
// alone, give the bytes they had in the whole. For attention a segment is what runs alone. Which of two
// NaNs a sum of both becomes is the compiler's choice: any two are the same.
#include "cpu/pool.h"
#include "ops/attention.h"
#include "tests/options.h"
#include "tests/problem.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace tubelet {
namespace {

constexpr int ranges_per_case = 8;

class CompanyTest {
public:
  CompanyTest(const Case &which, const Kernel &kernel)
      : which(which), kernel(kernel), problem(which, 7), run(problem, kernel, 2) {}

  /// Number of ranges whose bytes differ.
  int rows(uint64_t random) {
    run.execute(pool);
    const std::vector<float> whole = copy();
    const int64_t count = problem.output.shape[0], width = problem.output_elements() / count;
    int different = 0;
    for (int i = 0; i < ranges_per_case; i++) {
      const int64_t begin = int64_t(next_random(random) % uint64_t(count));
      const int64_t end = begin + 1 + int64_t(next_random(random) % uint64_t(count - begin));
      run.execute_rows(i % 2 ? pool : alone, {begin, end});
      different +=
          !is_same(problem.output_data(), whole.data() + begin * width, (end - begin) * width);
    }
    return different;
  }

  /// Attention: every segment, its q, k and v moved to the front of a call of their own.
  int segments() {
    run.execute(pool);
    const std::vector<float> whole = copy();
    const int64_t width = problem.output.shape[1];
    const Tensor table = problem.inputs[Attention::segments];
    int different = 0;
    for (int64_t s = 0; s < table.shape[0]; s++) {
      const int32_t *bounds = static_cast<const int32_t *>(table.data) + 4 * s;
      int32_t own[4] = {0, bounds[1] - bounds[0], 0, bounds[3] - bounds[2]};
      if (own[1] == 0)
        continue;
      Problem single(which, 7);
      cut(single.inputs[Attention::q], bounds[0], own[1]);
      cut(single.inputs[Attention::k], bounds[2], own[3]);
      cut(single.inputs[Attention::v], bounds[2], own[3]);
      single.inputs[Attention::segments].data = own;
      single.inputs[Attention::segments].shape[0] = 1;
      single.output.shape[0] = own[1];
      Run(single, kernel, 1).execute(alone);
      different += !is_same(single.output_data(), whole.data() + bounds[0] * width, own[1] * width);
    }
    return different;
  }

private:
  static bool is_same(const float *a, const float *b, int64_t count) {
    for (int64_t i = 0; i < count; i++)
      if (std::memcmp(a + i, b + i, 4) != 0 && !(std::isnan(a[i]) && std::isnan(b[i])))
        return false;
    return true;
  }

  static void cut(Tensor &tensor, int64_t start, int64_t rows) {
    tensor.data = static_cast<float *>(tensor.data) + start * tensor.row_stride;
    tensor.shape[0] = rows;
  }

  std::vector<float> copy() {
    return {problem.output_data(), problem.output_data() + problem.output_elements()};
  }

  const Case &which;
  const Kernel &kernel;
  Problem problem;
  Run run;
  ThreadPool pool{2}, alone{1};
};

} // namespace

int test_company(const std::vector<Case> &cases, const Options &options) {
  int passed = 0, failed = 0;
  uint64_t random = 99;
  for (const Case &which : cases) {
    const bool is_attention = which.op->id == OpId::attention;
    if ((which.rows.empty() && !is_attention) || !which.alias.empty())
      continue;
    for (const IsaLevel &level : levels_of(options)) {
      for (const Kernel *kernel : kernels_of(level, which.op->id)) {
        Problem probe(which, 7);
        if (Run::refusal(probe, *kernel, 2))
          continue;
        CompanyTest test(which, *kernel);
        const int different = is_attention ? test.segments() : test.rows(next_random(random));
        (different ? failed : passed)++;
        if (different)
          std::printf("FAIL company %s %s %s: %d parts have other bytes alone\n",
                      which.text().c_str(), level.name, kernel->name, different);
      }
    }
  }
  std::printf("%s company: %d passed, %d failed\n", failed ? "FAIL" : "ok", passed, failed);
  return failed;
}

} // namespace tubelet
