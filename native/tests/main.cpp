// conformance [--op NAME] [--isa LEVEL] [--device KIND] [--small] [--list | --checks | --bench [--threads N]]
// --device runs the kernels of that kind, and with --isa those of a level beside them. --small leaves
// the production cases out.
// Exit code 1 where anything fails. --checks tests the refusals alone. --bench prints one JSON line per production case and level.
#include "tests/device.h"
#include "tests/options.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>

namespace tubelet {

#if defined(TUBELET_AMX_EMULATED)
namespace amx_emulated {
extern const KernelList *const kernel_table[];
}
#endif
#if defined(TUBELET_AMX_TRAPPED)
namespace amx {
extern const KernelList *const kernel_table[];
}
extern void trap_tiles();
#endif

namespace {

/// Those that the CPU offers. Where AVX-512 BF16 runs, so does all of AMX but the tiles: their
/// instructions are emulated in the source or, if one asks for it, where they trap.
std::vector<IsaLevel> cpu_levels(const Options &options) {
  std::vector<IsaLevel> levels = isa_levels();
  const auto narrow = std::find_if(levels.begin(), levels.end(), [](const IsaLevel &level) {
    return level.name == std::string("avx512_bf16") && level.refused.empty();
  });
  if (narrow == levels.end() || options.bench)
    return levels;
#if defined(TUBELET_AMX_TRAPPED)
  if (options.isa == "amx_trapped") {
    trap_tiles();
    return {{"amx_trapped", amx::kernel_table, ""}};
  }
#endif
#if defined(TUBELET_AMX_EMULATED)
  levels.insert(narrow, {"amx_emulated", amx_emulated::kernel_table, ""});
#endif
  return levels;
}

} // namespace

std::vector<IsaLevel> levels_of(const Options &options) {
  std::vector<IsaLevel> levels;
  const bool is_cpu = options.device.empty();
  if (!is_cpu)
    levels.push_back(device_level(options.device));
  for (const IsaLevel &level : cpu_levels(options))
    if (level.refused.empty() && ((is_cpu && options.isa.empty()) || options.isa == level.name))
      levels.push_back(level);
  return levels;
}

std::span<const Kernel *const> kernels_of(const IsaLevel &level, OpId op) {
  const KernelList *list = level.kernels[size_t(op)];
  if (!list)
    return {};
  return {list->kernels, size_t(list->count)};
}

namespace {

bool read_options(int count, char **arguments, Options &options) {
  for (int i = 1; i < count; i++) {
    const std::string name = arguments[i];
    const char *value = i + 1 < count ? arguments[i + 1] : nullptr;
    if (name == "--list")
      options.list = true;
    else if (name == "--checks")
      options.checks = true;
    else if (name == "--bench")
      options.bench = true;
    else if (name == "--small")
      options.small = true;
    else if (name == "--device" && value)
      options.device = arguments[++i];
    else if (name == "--op" && value && find_op(value))
      options.op = arguments[++i];
    else if (name == "--isa" && value)
      options.isa = arguments[++i];
    else if (name == "--threads" && value && std::atoi(value) > 0)
      options.threads = std::atoi(arguments[++i]);
    else
      return false;
  }
  return (options.device.empty() || !options.bench) && !levels_of(options).empty();
}

int run(const Options &options) {
  std::vector<Case> cases;
  for (Case &which : load_cases(TUBELET_CASES))
    if ((options.op.empty() || options.op == which.op->name) &&
        !(options.small && which.is_production))
      cases.push_back(std::move(which));
  if (options.list) {
    for (const Case &which : cases)
      std::printf("%s%s\n", which.text().c_str(), which.is_production ? " production" : "");
    return 0;
  }
  if (options.bench) {
    bench_cases(cases, options);
    return 0;
  }
  if (options.checks)
    return test_checks(options) ? 1 : 0;
  int failures =
      test_cases(cases, options) + test_company(cases, options) + test_narrow(cases, options);
  if (options.op.empty() || options.op == "normal")
    failures += test_normal(options);
  if (options.op.empty())
    failures += test_amx();
  failures += test_checks(options);
  std::printf("conformance: %zu cases, %zu levels, %d failures\n", cases.size(),
              levels_of(options).size(), failures);
  return failures ? 1 : 0;
}

} // namespace
} // namespace tubelet

int main(int count, char **arguments) {
  tubelet::Options options;
  try {
    if (!tubelet::read_options(count, arguments, options)) {
      std::fprintf(stderr, "usage: conformance [--op NAME] [--isa LEVEL] [--device KIND] [--small] "
                           "[--list | --checks | --bench [--threads N]]\n");
      return 2;
    }
    return tubelet::run(options);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
