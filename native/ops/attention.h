// Scaled dot-product attention within segments of packed tokens (Vaswani et al. 2017; packing as in
// NaViT, Dehghani et al. 2023). For each segment (qStart, qEnd, kStart, kEnd), head and row q:
//   y[q] = sum_k softmax_k(scale · q[q]·k[k] + bias[(k - kStart) - (q - qStart) + (B-1)/2, h]) · v[k]
//   q         f32 [Tq, heads·d], last axis may be a slice
//   k         f32 [Tk, heads·d], last axis may be a slice
//   v         f32 [Tk, heads·dv], last axis may be a slice
//   segments  i32 [S, 4], ranges half open, inside q and k; q ranges do not overlap, k ranges may
//   bias      f32 [B, heads], B odd, optional; by relative distance (T5), reaches every pair
//   -> y      f32 [Tq, heads·dv], no alias; a row of no segment, or of an empty key range, is 0
// causal = 1 drops keys with k - kStart > q - qStart. scale multiplies before the bias; T5 has 1.
// The sum over keys starts at kStart and its order depends on the key range alone.
#pragma once

#include "ops/op.h"

namespace tubelet {

struct Attention {
  enum Input { q, k, v, segments, bias };
  static constexpr InputSpec inputs[] = {
      {"q"}, {"k"}, {"v"}, {"segments", InputKind::index}, {"bias", InputKind::activation, true}};

  struct Attributes {
    int64_t heads = 1;
    double scale = 1;
    bool causal = false;

    template <class Visitor> void visit(Visitor &v) {
      v.field("heads", heads, 1);
      v.field("scale", scale);
      v.field("causal", causal);
    }
  };

  static Shape output_shape(const NodeTypes &node, const Attributes &attributes);
  /// Exact where segments has data; else one segment of all tokens, the most there can be.
  static Cost cost(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
  static void check_data(const Tensor *inputs, const Tensor &output, const Attributes &attributes);
};

} // namespace tubelet
