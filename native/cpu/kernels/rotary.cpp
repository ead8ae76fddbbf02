// Rotary embedding: the cos and sin of a token are loaded once and used by all of its heads.
#include "ops/rotary.h"
#include "cpu/kernel_support.h"

namespace tubelet::TUBELET_ISA {
namespace {

struct Row {
  const float *in, *cos, *sin;
  RowOut out;
  int64_t columns, head_dim, pairs;
};

void turn_interleaved(const Row &row) {
  Vec sign;
  for (int i = 0; i < lanes; i++)
    sign[i] = i % 2 == 0 ? -1.0f : 1.0f;
  for_row(2 * row.pairs, [&](int64_t d, auto access) {
    const int64_t pairs = access.count / 2;
    const Vec cos = duplicate_lower(load_partial(row.cos + d / 2, pairs));
    const Vec sin = duplicate_lower(load_partial(row.sin + d / 2, pairs)) * sign;
    for (int64_t head = 0; head < row.columns; head += row.head_dim) {
      const Vec x = access.load(row.in + head + d);
      row.out.store(head + d, access, fma(x, cos, swap_pairs(x) * sin));
    }
  });
}

void turn_halves(const Row &row) {
  for_row(row.pairs, [&](int64_t i, auto access) {
    const Vec cos = access.load(row.cos + i), sin = access.load(row.sin + i);
    for (int64_t head = 0; head < row.columns; head += row.head_dim) {
      const Vec a = access.load(row.in + head + i);
      const Vec b = access.load(row.in + head + i + row.pairs);
      row.out.store(head + i, access, fma(a, cos, -(b * sin)));
      row.out.store(head + i + row.pairs, access, fma(b, cos, a * sin));
    }
  });
}

void run(const KernelCall &call, Pool &pool) {
  const auto &attributes = *static_cast<const Rotary::Attributes *>(call.attributes);
  const Tensor &x = call.inputs[Rotary::x], &cos = call.inputs[Rotary::cos];
  const Tensor &sin = call.inputs[Rotary::sin];

  parallel_rows(pool, x.shape[0], x.shape[1], [&](int64_t t) {
    const Row row = {floats(x) + t * x.row_stride,
                     floats(cos) + t * cos.row_stride,
                     floats(sin) + t * sin.row_stride,
                     RowOut::of(*call.output, t * x.shape[1]),
                     x.shape[1],
                     attributes.head_dim,
                     cos.shape[1]};
    if (attributes.layout == Rotary::Layout::interleaved)
      turn_interleaved(row);
    else
      turn_halves(row);
    const int64_t turned = 2 * row.pairs, rest = row.head_dim - turned;
    for (int64_t head = 0; rest > 0 && head < row.columns; head += row.head_dim)
      for_row(rest, [&](int64_t d, auto access) {
        row.out.store(head + turned + d, access, access.load(row.in + head + turned + d));
      });
  });
}

constexpr Kernel rowwise = {
    .name = "rotary.rowwise", .accepts = accepts_any, .run = run, .writes_bf16 = is_narrow};
constexpr const Kernel *list[] = {&rowwise};

} // namespace

extern const KernelList rotary_kernels;
const KernelList rotary_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
