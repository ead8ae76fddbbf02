// The check that decides whether the level amx is offered: it must pass on tiles that are right, and
// find those that are not.
#include "tests/options.h"

#include <cstdio>
#include <string>

namespace tubelet {

#if defined(TUBELET_AMX_EMULATED)
namespace amx_emulated {
extern const char *check_tiles();
}
namespace amx_faulty {
extern const char *check_tiles();
}

int test_amx() {
  bool can_run = false; // what is not emulated of the level
  for (const IsaLevel &level : isa_levels())
    can_run |= level.name == std::string("avx512_bf16") && level.refused.empty();
  if (!can_run)
    return 0;
  const char *right = amx_emulated::check_tiles(), *faulty = amx_faulty::check_tiles();
  const bool is_ok = !right && faulty &&
                     faulty == std::string("a product of bfloat16 by tiles is not the plain one");
  std::printf("%s amx: right tiles: %s; faulty tiles: %s\n", is_ok ? "ok" : "FAIL",
              right ? right : "no fault", faulty ? faulty : "no fault");
  return is_ok ? 0 : 1;
}
#else
int test_amx() { return 0; }
#endif

} // namespace tubelet
