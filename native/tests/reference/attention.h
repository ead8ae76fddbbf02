#pragma once

#include "ops/attention.h"
#include "tests/reference/reference.h"

#include <algorithm>

namespace tubelet {

template <class Real> Real attention_element(const ReferenceCall &call, int64_t index) {
  const auto &attributes = call.as<Attention::Attributes>();
  const auto &in = call.inputs;
  const int64_t columns = call.output.shape[1], q = index / columns, column = index % columns;
  const int64_t width = last_of(in[Attention::q]) / attributes.heads;
  const int64_t head = column / (columns / attributes.heads);
  for (int64_t s = 0; s < in[Attention::segments].shape[0]; s++) {
    const auto bound = [&](int i) { return index_at(in[Attention::segments], 4 * s + i); };
    const int64_t q_start = bound(0), k_start = bound(2), k_end = bound(3);
    if (q < q_start || q >= bound(1))
      continue;
    std::vector<Real> scores;
    for (int64_t k = k_start; k < k_end; k++) {
      const int64_t distance = (k - k_start) - (q - q_start);
      if (attributes.causal && distance > 0)
        break;
      Real dot = 0;
      for (int64_t d = head * width; d < (head + 1) * width; d++)
        dot += factor(call, at<Real>(in[Attention::q], q, d)) *
               factor(call, at<Real>(in[Attention::k], k, d));
      Real score = Real(attributes.scale) * dot;
      if (in[Attention::bias].rank > 0)
        score +=
            at<Real>(in[Attention::bias], distance + (in[Attention::bias].shape[0] - 1) / 2, head);
      scores.push_back(score);
    }
    if (scores.empty())
      return 0;
    const Real largest = *std::max_element(scores.begin(), scores.end());
    Real total = 0, sum = 0;
    for (size_t i = 0; i < scores.size(); i++) {
      const Real weight = std::exp(scores[i] - largest);
      total += weight;
      sum += factor(call, weight) *
             factor(call, at<Real>(in[Attention::v], k_start + int64_t(i), column));
    }
    return sum / total;
  }
  return 0;
}

} // namespace tubelet
