// Linear: weights packed once into panels. A task is a block of rows against a group of panels; K goes
// by in chunks that keep both in L2. Float32 rows are read where they lie; other formats convert a
// block's rows first. With 8-bit integers every row of x and every row of the weight has its scale.
#include "ops/linear.h"
#include "cpu/epilogue.h"

namespace tubelet::TUBELET_ISA {
namespace {

constexpr int64_t block_rows = 64 / tile_rows * tile_rows;
constexpr int64_t chunk_bytes = 4096; ///< of a row

template <class F> const char *accepts(const NodeSpec &node) {
  if (node.precision < F::precision)
    return "the plan asks for more precision";
  return node.is_weight[Linear::weight] ? nullptr : "weight must be constant to be packed";
}

template <class F> constexpr bool is_integer = F::precision == Precision::int8;

/// Per thread: sums of a block's panel, scales of its rows, then the block's rows in format F.
template <class F> size_t workspace_bytes(int64_t depth) {
  const size_t floats = block_rows * (panel_width + 1) * sizeof(float);
  const size_t rows = (size_t)(block_rows * stepped<F>(depth)) * sizeof(typename F::Element);
  return F::step == 1 ? floats : floats + (rows + 63) / 64 * 64;
}

template <class F> size_t panel_bytes(const Tensor &weight) {
  return sizeof(typename F::Element) *
         (size_t)(Panels{weight.shape[0]}.padded() * stepped<F>(weight.shape[1]));
}

/// Behind the panels of an integer weight: per column its scale, and zero_point times its sum.
struct Columns {
  float *scales;
  int32_t *corrections;

  Columns(void *packed, size_t panels, int64_t columns)
      : scales((float *)((char *)packed + panels)), corrections((int32_t *)(scales + columns)) {}
  static size_t bytes(int64_t columns) { return (size_t)columns * 8; }
};

template <class F> void plan(const NodeSpec &node, KernelNeeds &needs) {
  const Tensor &weight = node.inputs[Linear::weight];
  needs.weight_form[Linear::weight] = WeightForm::packed;
  needs.packed_bytes[Linear::weight] =
      panel_bytes<F>(weight) + (is_integer<F> ? Columns::bytes(weight.shape[0]) : 0);
  needs.scratch_bytes = (size_t)node.threads * workspace_bytes<F>(weight.shape[1]);
}

/// Rows of the weight are columns of B; 64 of K at a time keep the panel's lines in L1.
template <class F> void pack(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const int64_t depth = rows.row_elements;
  const Panels panels{node.inputs[Linear::weight].shape[0]};
  for (int64_t n = rows.first_row; n < rows.first_row + rows.rows;) {
    const int64_t panel = n / panel_width, width = panels.width(panel);
    const int64_t end = smaller(rows.first_row + rows.rows, (panel + 1) * panel_width);
    auto *to = (typename F::Element *)packed + panels.offset(panel, stepped<F>(depth));
    for (int64_t k0 = 0; k0 < depth; k0 += 64)
      for (int64_t row = n; row < end; row++)
        for (int64_t k = k0; k < smaller(depth, k0 + 64); k++)
          to[packed_index<F>(k, row - panel * panel_width, width)] =
              F::of(stored_value(rows.data, rows.dtype, (row - rows.first_row) * depth + k));
    n = end;
  }
}

#if defined(__AVX512VNNI__)
template <> void pack<Int8>(const NodeSpec &node, int, const WeightRows &rows, void *packed) {
  const Tensor &weight = node.inputs[Linear::weight];
  const int64_t depth = rows.row_elements;
  const Panels panels{weight.shape[0]};
  const Columns columns(packed, panel_bytes<Int8>(weight), weight.shape[0]);
  for (int64_t row = 0; row < rows.rows; row++) {
    auto value = [&](int64_t k) { return stored_value(rows.data, rows.dtype, row * depth + k); };
    float most = 0;
    for (int64_t k = 0; k < depth; k++)
      most = value(k) != value(k)               ? value(k)
             : most < __builtin_fabsf(value(k)) ? __builtin_fabsf(value(k))
                                                : most;
    const int64_t n = rows.first_row + row, panel = n / panel_width;
    auto *to = (int8_t *)packed + panels.offset(panel, stepped<Int8>(depth));
    const float scale = most / Int8::largest;
    int32_t total = 0;
    for (int64_t k = 0; k < depth; k++) {
      const float steps = scale > 0 ? value(k) / scale : 0.0f;
      const int32_t rounded = (int32_t)__builtin_rintf(steps);
      to[packed_index<Int8>(k, n % panel_width, panels.width(panel))] = (int8_t)rounded;
      total += rounded;
    }
    columns.scales[n] = scale;
    columns.corrections[n] = Int8::zero_point * total;
  }
}
#endif

template <class F> struct Problem {
  using Element = typename F::Element;
  const KernelCall &call;
  const Linear::Attributes &attributes;
  int64_t tokens, depth, columns;

  const Tensor &input(int index) const { return call.inputs[index]; }
  const float *x(int64_t t) const {
    return floats(input(Linear::x)) + t * input(Linear::x).row_stride;
  }

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

  /// Integer sums of one tile row to floats, in place.
  void scale_row(float *sums, float row_scale, int64_t column, int64_t valid) const {
    const Tensor &weight = input(Linear::weight);
    const Columns all(weight.data, panel_bytes<F>(weight), columns);
    const float *scales = all.scales + column;
    const auto *corrections = (const float *)(all.corrections + column);
    for_row(valid, [&](int64_t n, auto access) {
      const IntVec exact = (IntVec)load(sums + n) - (IntVec)access.load(corrections + n);
      store(sums + n, __builtin_convertvector(exact, Vec) * (access.load(scales + n) * row_scale));
    });
  }

  /// Rows [first, end) of one panel; row t of A begins at rows + (t - first) · stride.
  void multiply_block(int64_t first, int64_t end, int64_t panel, const Element *rows,
                      int64_t stride, const float *row_scales, float *sums) const {
    const Panels panels{columns};
    const int64_t width = panels.width(panel), whole = stepped<F>(depth);
    const int64_t chunk_depth = chunk_bytes / (int64_t)sizeof(Element);
    const auto *b = (const Element *)input(Linear::weight).data + panels.offset(panel, whole);
    for (int64_t k = 0; k < whole; k += chunk_depth) {
      for (int64_t t = first; t < end; t += tile_rows) {
        const int count = (int)smaller(tile_rows, end - t);
        Tap<F> tap;
        tap.first = k;
        for (int r = 0; r < count; r++)
          tap.rows[r] = rows + (t + r - first) * stride + k;
        multiply_tile<F>(count, &tap, 1, smaller(chunk_depth, whole - k), b, width / lanes,
                         sums + (t - first) * panel_width, k > 0);
      }
    }
    const int64_t column = panel * panel_width;
    const int64_t valid = smaller(panel_width, columns - column);
    const Tensor &bias = input(Linear::bias);
    for (int64_t t = first; t < end; t++) {
      float *row = sums + (t - first) * panel_width;
      if constexpr (is_integer<F>)
        scale_row(row, row_scales[t - first], column, valid);
      finish_row(row, bias.data ? floats(bias) + column : nullptr, attributes.activation,
                 epilogue_row(t, column), valid);
    }
  }
};

template <class F> void run(const KernelCall &call, Pool &pool) {
  using Element = typename F::Element;
  const Tensor &x = call.inputs[Linear::x], &y = *call.output;
  const Problem<F> problem{call, *static_cast<const Linear::Attributes *>(call.attributes),
                           x.shape[0], x.shape[1], y.shape[1]};
  // Enough tasks to share evenly, but no more: a group of panels reads its rows of x from L2.
  const int64_t blocks = ceil_div(problem.tokens, block_rows), panels = Panels{y.shape[1]}.count();
  const int64_t wanted = 8 * pool.threads;
  const int64_t groups = larger(1, smaller(panels, ceil_div(wanted, larger(1, blocks))));
  parallel(pool, blocks * groups, [&](int64_t task, int thread) {
    const int64_t block = task / groups, group = task % groups;
    const int64_t first = block * block_rows, end = smaller(problem.tokens, first + block_rows);
    auto *sums =
        (float *)((char *)call.scratch + (size_t)thread * workspace_bytes<F>(problem.depth));
    float *row_scales = sums + block_rows * panel_width;
    const Element *rows;
    int64_t stride;
    if constexpr (F::step == 1) {
      rows = problem.x(first);
      stride = x.row_stride;
    } else {
      auto *converted = (Element *)(row_scales + block_rows);
      stride = stepped<F>(problem.depth);
      for (int64_t t = first; t < end; t++)
        if constexpr (is_integer<F>)
          row_scales[t - first] =
              quantize_row(problem.x(t), problem.depth, converted + (t - first) * stride);
        else
          convert_row<F>(problem.x(t), problem.depth, converted + (t - first) * stride);
      rows = converted;
    }
    for (int64_t panel = group * panels / groups; panel < (group + 1) * panels / groups; panel++)
      problem.multiply_block(first, end, panel, rows, stride, row_scales, sums);
  });
}

#if defined(__AVX512BF16__)
constexpr Kernel bf16 = {"linear.bf16", accepts<Bf16>, plan<Bf16>,
                         pack<Bf16>,    run<Bf16>,     Precision::bf16};
constexpr Kernel int8 = {"linear.int8", accepts<Int8>, plan<Int8>,
                         pack<Int8>,    run<Int8>,     Precision::int8};
constexpr const Kernel *list[] = {&int8, &bf16};
#else
constexpr Kernel packed_panels = {"linear.packed", accepts<F32>, plan<F32>, pack<F32>, run<F32>};
constexpr const Kernel *list[] = {&packed_panels};
#endif

} // namespace

extern const KernelList linear_kernels;
const KernelList linear_kernels = {list, sizeof list / sizeof *list};

} // namespace tubelet::TUBELET_ISA
