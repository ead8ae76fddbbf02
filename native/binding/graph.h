#pragma once

#include "binding/arguments.h"
#include "core/graph.h"

namespace tubelet::binding {

/// Owns its share of a parsed graph; plans compiled from it keep their own.
class JsGraph : public Napi::ObjectWrap<JsGraph> {
public:
  static constexpr const char *op = "graph";
  static constexpr Kind kind = Kind::graph;
  static Napi::Function define(Napi::Env env);
  explicit JsGraph(const Napi::CallbackInfo &info);

  const std::shared_ptr<const Graph> &opened() const;

private:
  Napi::Value symbols(const Napi::CallbackInfo &info);
  Napi::Value inputs(const Napi::CallbackInfo &info);
  Napi::Value outputs(const Napi::CallbackInfo &info);
  Napi::Value weights(const Napi::CallbackInfo &info);
  Napi::Value dispose(const Napi::CallbackInfo &info);
  Napi::Value describe_tensors(const std::vector<int> Graph::*list);

  std::shared_ptr<const Graph> core; ///< null once disposed
};

std::shared_ptr<const Graph> graph_of(const Argument &argument, Napi::Value value);

} // namespace tubelet::binding
