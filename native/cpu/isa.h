// The ISA levels that were compiled in, and which of them this machine can run.
#pragma once

#include "core/kernel.h"

#include <string>
#include <vector>

namespace tubelet {

struct IsaLevel {
  const char *name;
  const KernelList *const *kernels; ///< by op
  std::string refused;              ///< why it cannot run here; empty when it can
};

/// Highest first; the last one always runs.
std::vector<IsaLevel> isa_levels();

/// Extensions that later levels build on, present or not, as a JSON object of flags.
std::string describe_extensions();

} // namespace tubelet
