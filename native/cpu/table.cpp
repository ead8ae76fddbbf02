// The kernels of one ISA level, by op, derived from ops.def.
#include "core/kernel.h"

namespace tubelet::TUBELET_ISA {

#define TUBELET_OP(stem, Type) extern const KernelList stem##_kernels;
#define TUBELET_VIEW(stem, Type)
#include "ops/ops.def"
#undef TUBELET_OP
#undef TUBELET_VIEW

extern const KernelList *const kernel_table[];
const KernelList *const kernel_table[] = {
#define TUBELET_OP(stem, Type) &stem##_kernels,
#define TUBELET_VIEW(stem, Type) nullptr,
#include "ops/ops.def"
#undef TUBELET_OP
#undef TUBELET_VIEW
};

} // namespace tubelet::TUBELET_ISA
