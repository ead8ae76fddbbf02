// The tile instructions of compiled kernels, for processors without them: each raises SIGILL, is decoded
// and done as emulated_tiles.h does it. So the objects that ship run, with the order of loads and stores
// that the compiler gave them. Where the processor has the instructions, none is trapped.
#include "tests/emulated_tiles.h"

#include <csignal>
#include <ucontext.h>

namespace tubelet {

extern void trap_tiles();

namespace TUBELET_ISA {
namespace {

/// Registers by the number that instructions have for them.
constexpr int registers[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                             REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                             REG_R12, REG_R13, REG_R14, REG_R15};

/// C4, then R X B (inverted) and the map; W, a register (inverted), L and the prefix; opcode; ModRM, SIB
/// and displacement.
struct Instruction {
  const uint8_t *start;
  const greg_t *values;
  int length = 5;
  int64_t base = 0, stride = 0; ///< of an operand in memory

  bool is_of_tiles() const { return start[0] == 0xC4 && (start[1] & 0x1F) == 2; }
  int prefix() const { return start[2] & 3; } // none, 66, F3, F2
  int opcode() const { return start[3]; }
  bool has_memory() const { return start[4] >> 6 != 3; }
  int first() const { return start[4] >> 3 & 7; }
  int second() const { return start[4] & 7; }
  int third() const { return ~start[2] >> 3 & 7; }
  int64_t value(int number) const { return values[registers[number]]; }

  int64_t displacement(int bytes) {
    int64_t number = 0;
    if (bytes == 1)
      number = (int8_t)start[length];
    if (bytes == 4) {
      int32_t wide;
      __builtin_memcpy(&wide, start + length, sizeof wide);
      number = wide;
    }
    length += bytes;
    return number;
  }

  void read_memory() {
    const int mode = start[4] >> 6, upper_base = ~start[1] >> 2 & 8,
              upper_index = ~start[1] >> 3 & 8;
    int low = start[4] & 7;
    const bool is_relative = mode == 0 && low == 5;
    bool has_base = !is_relative;
    if (low == 4) {
      const uint8_t sib = start[length++];
      low = sib & 7;
      has_base = mode != 0 || low != 5;
      const int index = (sib >> 3 & 7) | upper_index;
      stride = index == 4 ? 0 : value(index) << (sib >> 6);
    }
    base = has_base ? value(low | upper_base) : 0;
    base += displacement(mode == 1 ? 1 : mode == 2 || !has_base ? 4 : 0);
    if (is_relative)
      base += (int64_t)(start + length);
  }
};

/// False where it is another instruction.
bool run(Instruction &what) {
  if (!what.is_of_tiles())
    return false;
  if (what.has_memory())
    what.read_memory();
  const int key = what.opcode() << 4 | what.prefix() << 1 | what.has_memory();
  switch (key) {
  case 0x491:
    emulated_loadconfig((const void *)what.base);
    return true;
  case 0x490:
    emulated_release();
    return true;
  case 0x496:
    emulated_zero(what.first());
    return true;
  case 0x4B7:
    emulated_loadd(what.first(), (const void *)what.base, what.stride);
    return true;
  case 0x4B5:
    emulated_stored(what.first(), (void *)what.base, what.stride);
    return true;
  case 0x5C4:
    emulated_dpbf16ps(what.first(), what.second(), what.third());
    return true;
  case 0x5E2:
    emulated_dpbusd(what.first(), what.second(), what.third());
    return true;
  }
  return false;
}

void on_illegal(int signal, siginfo_t *, void *context) {
  greg_t *values = ((ucontext_t *)context)->uc_mcontext.gregs;
  Instruction what{(const uint8_t *)values[REG_RIP], values};
  if (run(what))
    values[REG_RIP] += what.length;
  else
    std::signal(signal, SIG_DFL);
}

} // namespace
} // namespace TUBELET_ISA

/// From now on, in every thread.
void trap_tiles() {
  struct sigaction action = {};
  action.sa_sigaction = TUBELET_ISA::on_illegal;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
}

} // namespace tubelet
