#include "cpu/amx.h"

#if defined(TUBELET_AMX) && defined(__linux__)
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tubelet {

#if !defined(TUBELET_AMX)
std::string amx_refusal() { return "this build's compiler does not know AMX"; }
#elif !defined(__linux__)
std::string amx_refusal() { return "AMX is used on Linux alone"; }
#else

namespace amx {
extern const char *check_tiles();
}

namespace {

// arch_prctl's, from asm/prctl.h of Linux 5.16 and later.
constexpr long request_permission = 0x1023, tile_data = 18;

thread_local sigjmp_buf after_fault;
thread_local bool is_checking = false;

void leave_check(int signal) {
  if (is_checking)
    siglongjmp(after_fault, 1);
  std::signal(signal, SIG_DFL); // another thread's fault happens again, as it would have
}

/// Some virtual machines show AMX in cpuid and lack the instructions.
const char *check_guarded() {
  struct sigaction action = {}, before;
  action.sa_handler = leave_check;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGILL, &action, &before) != 0)
    return "its check could not be guarded";
  const char *refusal = "an instruction of AMX is illegal here, though cpuid has it";
  is_checking = true;
  if (sigsetjmp(after_fault, 1) == 0)
    refusal = amx::check_tiles();
  is_checking = false;
  sigaction(SIGILL, &before, nullptr);
  return refusal;
}

std::string ask_and_check() {
  if (syscall(SYS_arch_prctl, request_permission, tile_data) != 0)
    return std::string("the system refuses the tile registers: ") + std::strerror(errno);
  const char *refusal = check_guarded();
  return refusal ? refusal : "";
}

} // namespace

std::string amx_refusal() {
  static const std::string refusal = ask_and_check();
  return refusal;
}
#endif

} // namespace tubelet
