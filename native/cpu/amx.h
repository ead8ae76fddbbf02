// Whether AMX may be used: its registers are the system's to give, and nothing runs on them untried.
#pragma once

#include <string>

namespace tubelet {

/// Asks Linux once per process for the tile registers, which then are every thread's, and compares a
/// small product by tiles with the plain one. Empty, or why the level `amx` cannot run; the same on every
/// call. Only where cpuid shows AMX.
std::string amx_refusal();

} // namespace tubelet
