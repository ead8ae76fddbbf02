#include "core/json.h"
#include "core/plan.h"

#include <cinttypes>
#include <cstdio>

namespace tubelet {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

} // namespace

std::string Plan::explain() const {
  std::string json = "{\"arenaBytes\":" + std::to_string(arena_size) +
                     ",\"packedBytes\":" + std::to_string(packed_bytes()) + ",\"capacity\":{";
  for (size_t i = 0; i < capacity.size(); i++)
    json += (i ? "," : "") + quoted(graph->symbols[i]) + ":" + std::to_string(capacity[i]);
  json += "},\"nodes\":[";
  for (size_t i = 0; i < steps.size(); i++) {
    const Step &step = steps[i];
    const GraphNode &node = graph->nodes[i];
    Tensor output = describe(node.output, capacity);
    json += (i ? "," : "") + std::string("{\"name\":") + quoted(node.name) +
            ",\"op\":" + quoted(node.op->name) + ",\"shape\":[";
    for (int axis = 0; axis < output.rank; axis++)
      json += (axis ? "," : "") + std::to_string(output.shape[axis]);
    json += "],\"dtype\":" + quoted(name_of(output.dtype)) +
            ",\"kernel\":" + (step.kernel ? quoted(step.kernel->name) : "null");
    Cost cost;
    if (step.kernel && node.op->cost)
      cost = node.op->cost(arguments_at_capacity(int(i)).data(), &output, int(node.inputs.size()),
                           node.attributes.get());
    json += ",\"flops\":" + number(cost.flops) + ",\"bytes\":" + number(cost.bytes) +
            ",\"scratchBytes\":" +
            std::to_string(step.scratch_block < 0 ? 0 : blocks[step.scratch_block].bytes) +
            ",\"refused\":[";
    for (size_t k = 0; k < step.refused.size(); k++)
      json += (k ? "," : "") + std::string("{\"kernel\":") + quoted(step.refused[k].kernel) +
              ",\"reason\":" + quoted(step.refused[k].reason) + "}";
    json += "]}";
  }
  return json + "]}";
}

std::vector<Tensor> Plan::arguments_at_capacity(int node) const {
  std::vector<Tensor> tensors;
  for (int id : graph->nodes[node].inputs)
    tensors.push_back(id < 0 ? Tensor{} : describe(id, capacity));
  return tensors;
}

} // namespace tubelet
