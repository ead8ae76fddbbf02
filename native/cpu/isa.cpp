#include "cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tubelet {

#define TUBELET_LEVEL(isa)                                                                         \
  namespace isa {                                                                                  \
  extern const KernelList *const kernel_table[];                                                   \
  }
TUBELET_LEVEL(baseline)
#if defined(TUBELET_HAS_avx2)
TUBELET_LEVEL(avx2)
#endif
#if defined(TUBELET_HAS_avx512)
TUBELET_LEVEL(avx512)
#endif
#undef TUBELET_LEVEL

namespace {

struct Need {
  const char *name;
  bool is_present;
};

/// __builtin_cpu_supports asks cpuid and, for the wide registers, xgetbv.
std::string missing(std::initializer_list<Need> needs) {
  std::string text;
  for (const Need &need : needs)
    if (!need.is_present)
      text += (text.empty() ? "the processor or system lacks " : ", ") + std::string(need.name);
  return text;
}

} // namespace

std::vector<IsaLevel> isa_levels() {
  std::vector<IsaLevel> levels;
#if defined(TUBELET_HAS_avx512)
  __builtin_cpu_init();
  levels.push_back({"avx512", avx512::kernel_table,
                    missing({{"avx512f", bool(__builtin_cpu_supports("avx512f"))},
                             {"avx512bw", bool(__builtin_cpu_supports("avx512bw"))},
                             {"avx512vl", bool(__builtin_cpu_supports("avx512vl"))},
                             {"avx512dq", bool(__builtin_cpu_supports("avx512dq"))},
                             {"avx2", bool(__builtin_cpu_supports("avx2"))},
                             {"fma", bool(__builtin_cpu_supports("fma"))}})});
#endif
#if defined(TUBELET_HAS_avx2)
  levels.push_back({"avx2", avx2::kernel_table,
                    missing({{"avx2", bool(__builtin_cpu_supports("avx2"))},
                             {"fma", bool(__builtin_cpu_supports("fma"))}})});
#endif
  levels.push_back({"baseline", baseline::kernel_table, ""});
  return levels;
}

std::string describe_extensions() {
  std::string json = "{";
#if defined(__x86_64__)
  unsigned a, b, c, d7 = 0, a71 = 0, c7 = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d7))
    c7 = c;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &b))
    a71 = a;
  auto flag = [&](const char *name, bool is_present) {
    json += (json.size() > 1 ? ",\"" : "\"") + std::string(name) +
            (is_present ? "\":true" : "\":false");
  };
  flag("avx512_vnni", c7 >> 11 & 1);
  flag("avx512_bf16", a71 >> 5 & 1);
  flag("amx_tile", d7 >> 24 & 1);
  flag("amx_bf16", d7 >> 22 & 1);
  flag("amx_int8", d7 >> 25 & 1);
#endif
  return json + "}";
}

} // namespace tubelet
