// Linear: weights packed once into panels, rows of x read where they lie. A task is a block of rows
// against a group of panels; K goes by in chunks that keep both in L2.
#include "ops/linear.h"
#include "cpu/epilogue.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_rows = 64 / tile_rows * tile_rows;
constexpr int64_t chunk_depth = 1024;

const char *accepts(const NodeSpec &node) {
  return node.is_weight[Linear::weight] ? nullptr : "weight must be constant to be packed";
}

void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Linear::weight];
  needs.weight_form[Linear::weight] = WeightForm::packed;
  needs.packed_bytes[Linear::weight] =
      sizeof(float) * (size_t)(Panels{weight.shape[0]}.padded() * weight.shape[1]);
  needs.scratch_bytes = sizeof(float) * (size_t)(node.threads * block_rows * panel_width);
}

/// Rows of the weight are columns of B; 64 of K at a time keep the panel's lines in L1.
void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const int64_t depth = rows.row_elements;
  const Panels panels{node.inputs[Linear::weight].shape[0]};
  for (int64_t n = rows.first_row; n < rows.first_row + rows.rows;) {
    const int64_t panel = n / panel_width, width = panels.width(panel);
    const int64_t end = smaller(rows.first_row + rows.rows, (panel + 1) * panel_width);
    float *to = (float *)packed + panels.offset(panel, depth);
    for (int64_t k0 = 0; k0 < depth; k0 += 64)
      for (int64_t row = n; row < end; row++)
        for (int64_t k = k0; k < smaller(depth, k0 + 64); k++)
          to[k * width + row - panel * panel_width] =
              stored_value(rows.data, rows.dtype, (row - rows.first_row) * depth + k);
    n = end;
  }
}

struct Problem {
  const KernelCall &call;
  const Linear::Attributes &attributes;
  int64_t tokens, depth, columns;

  const Tensor &input(int index) const { return call.inputs[index]; }

  EpilogueRow epilogue_row(int64_t t, int64_t column) const {
    const Tensor &modulation = input(Linear::modulation), &residual = input(Linear::residual);
    EpilogueRow row{};
    if (modulation.data)
      row.gate = floats(modulation) + integers(input(Linear::row))[t] * modulation.row_stride +
                 attributes.gate_column + column;
    if (residual.data)
      row.residual = floats(residual) + t * residual.row_stride + column;
    row.out = floats_out(*call.output) + t * columns + column;
    return row;
  }

  /// Rows [first, end) of one panel; c is scratch of block_rows x panel_width.
  void multiply_block(int64_t first, int64_t end, int64_t panel, float *c) const {
    const Tensor &x = input(Linear::x);
    const Panels panels{columns};
    const int64_t width = panels.width(panel);
    const float *b = floats(input(Linear::weight)) + panels.offset(panel, depth);
    for (int64_t k = 0; k < depth; k += chunk_depth) {
      const int64_t chunk = smaller(chunk_depth, depth - k);
      for (int64_t t = first; t < end; t += tile_rows) {
        const int rows = (int)smaller(tile_rows, end - t);
        Tap tap;
        tap.first = k;
        for (int r = 0; r < rows; r++)
          tap.rows[r] = floats(x) + (t + r) * x.row_stride + k;
        multiply_tile(rows, &tap, 1, chunk, b, width / lanes, c + (t - first) * panel_width,
                      k > 0);
      }
    }
    const int64_t column = panel * panel_width;
    const int64_t valid = smaller(panel_width, columns - column);
    const Tensor &bias = input(Linear::bias);
    for (int64_t t = first; t < end; t++)
      finish_row(c + (t - first) * panel_width, bias.data ? floats(bias) + column : nullptr,
                 attributes.activation, epilogue_row(t, column), valid);
  }
};

void run(const KernelCall &call, Pool &pool) {
  const Tensor &x = call.inputs[Linear::x], &y = *call.output;
  const Problem problem{call, *static_cast<const Linear::Attributes *>(call.attributes),
                        x.shape[0], x.shape[1], y.shape[1]};
  // Enough tasks to share evenly, but no more: a group of panels reads its rows of x from L2.
  const int64_t blocks = ceil_div(problem.tokens, block_rows), panels = Panels{y.shape[1]}.count();
  const int64_t wanted = 8 * pool.threads;
  const int64_t groups = larger(1, smaller(panels, ceil_div(wanted, larger(1, blocks))));
  parallel(pool, blocks * groups, [&](int64_t task, int thread) {
    const int64_t block = task / groups, group = task % groups;
    float *c = (float *)call.scratch + thread * block_rows * panel_width;
    const int64_t first = block * block_rows, end = smaller(problem.tokens, first + block_rows);
    for (int64_t panel = group * panels / groups; panel < (group + 1) * panels / groups; panel++)
      problem.multiply_block(first, end, panel, c);
  });
}

constexpr Kernel packed_panels = {"linear.packed", accepts, plan, pack, run};
constexpr const Kernel *list[] = {&packed_panels};

} // namespace

extern const KernelList linear_kernels;
const KernelList linear_kernels = {list, 1};

} // namespace tubelet::TUBELET_ISA
