#include "cpu/isa.h"

#include "cpu/amx.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tubelet {

#define TUBELET_LEVEL(isa)                                                                         \
  namespace isa {                                                                                  \
  extern const KernelList *const kernel_table[];                                                   \
  }
TUBELET_LEVEL(baseline)
#if defined(__x86_64__)
TUBELET_LEVEL(avx2)
TUBELET_LEVEL(avx512)
TUBELET_LEVEL(avx512_bf16)
#if defined(TUBELET_AMX)
TUBELET_LEVEL(amx)
#endif
#endif
#undef TUBELET_LEVEL

namespace {

#if defined(__x86_64__)
/// What cpuid says of the processor; __builtin_cpu_supports also asks xgetbv for the wide registers.
struct Processor {
  unsigned leaf7_ecx = 0, leaf7_edx = 0, leaf7_1_eax = 0;

  Processor() {
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
      leaf7_ecx = ecx;
      leaf7_edx = edx;
    }
    if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
      leaf7_1_eax = eax;
  }
  bool vnni() const { return leaf7_ecx >> 11 & 1; }
  bool bf16() const { return leaf7_1_eax >> 5 & 1; }
  bool amx_bf16() const { return leaf7_edx >> 22 & 1; }
  bool amx_tile() const { return leaf7_edx >> 24 & 1; }
  bool amx_int8() const { return leaf7_edx >> 25 & 1; }
};
#endif

struct Need {
  const char *name;
  bool is_present;
};

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
#if defined(__x86_64__)
  const Processor processor;
  const std::string no_avx2 = missing({{"avx2", bool(__builtin_cpu_supports("avx2"))},
                                       {"fma", bool(__builtin_cpu_supports("fma"))}});
  std::string no_avx512 = missing({{"avx512f", bool(__builtin_cpu_supports("avx512f"))},
                                   {"avx512bw", bool(__builtin_cpu_supports("avx512bw"))},
                                   {"avx512vl", bool(__builtin_cpu_supports("avx512vl"))},
                                   {"avx512dq", bool(__builtin_cpu_supports("avx512dq"))}});
  if (no_avx512.empty())
    no_avx512 = no_avx2;
  std::string no_bf16 =
      missing({{"avx512_bf16", processor.bf16()}, {"avx512_vnni", processor.vnni()}});
  if (!no_avx512.empty())
    no_bf16 = no_avx512;
  std::string no_amx = missing({{"amx_tile", processor.amx_tile()},
                                {"amx_bf16", processor.amx_bf16()},
                                {"amx_int8", processor.amx_int8()}});
  if (!no_bf16.empty())
    no_amx = no_bf16;
  if (no_amx.empty())
    no_amx = amx_refusal();
#if defined(TUBELET_AMX)
  levels.push_back({"amx", amx::kernel_table, no_amx});
#else
  levels.push_back({"amx", nullptr, no_amx});
#endif
  levels.push_back({"avx512_bf16", avx512_bf16::kernel_table, no_bf16});
  levels.push_back({"avx512", avx512::kernel_table, no_avx512});
  levels.push_back({"avx2", avx2::kernel_table, no_avx2});
#endif
  levels.push_back({"baseline", baseline::kernel_table, ""});
  return levels;
}

std::string describe_extensions() {
  std::string json = "{";
#if defined(__x86_64__)
  const Processor processor;
  auto flag = [&](const char *name, bool is_present) {
    json += (json.size() > 1 ? ",\"" : "\"") + std::string(name) +
            (is_present ? "\":true" : "\":false");
  };
  flag("avx512_vnni", processor.vnni());
  flag("avx512_bf16", processor.bf16());
  flag("amx_tile", processor.amx_tile());
  flag("amx_bf16", processor.amx_bf16());
  flag("amx_int8", processor.amx_int8());
#endif
  return json + "}";
}

} // namespace tubelet
