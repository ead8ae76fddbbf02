// Embedding: rows of the table as it is stored, converted on the way.
#include "elementwise.cuh"
#include "ops/embedding.h"

namespace tubelet::cuda {
namespace {

constexpr const char *name = "embedding.elementwise";

struct Copy {
  __device__ float operator()(float x) const { return x; }
};

void plan(const NodeSpec &, KernelNeeds &needs) {
  needs.weight_form[Embedding::table] = WeightForm::stored;
}

template <class T> void run_stored(const KernelCall &call, Stream &stream) {
  const Tensor &table = call.inputs[Embedding::table], &out = *call.output;
  const int64_t width = table.shape[1];
  const bool is_aligned = reinterpret_cast<uintptr_t>(table.data) % (4 * sizeof(T)) == 0 &&
                          width % 4 == 0 && is_vectored(out);
  const Rows<T> rows = {static_cast<const T *>(table.data), width,
                        integers(call.inputs[Embedding::ids])};
  launch_elementwise(stream, name, {out.shape[0], width, width, is_aligned}, floats_out(out),
                     Copy{}, rows);
}

void run(const KernelCall &call, Pool &pool) {
  Stream &stream = stream_of(pool);
  switch (call.inputs[Embedding::table].dtype) {
  case DType::f16:
    return run_stored<Half>(call, stream);
  case DType::bf16:
    return run_stored<Bfloat>(call, stream);
  default:
    return run_stored<float>(call, stream);
  }
}

constexpr Kernel kernel = {name, accepts_flat, plan, nullptr, run};
constexpr const Kernel *list[] = {&kernel};

} // namespace

extern const KernelList embedding_kernels;
const KernelList embedding_kernels = {list, 1};

} // namespace tubelet::cuda
