#include "binding/graph.h"

#include "binding/entry.h"
#include "binding/errors.h"

namespace tubelet::binding {

Napi::Function JsGraph::define(Napi::Env env) {
  return DefineClass(
      env, "Graph",
      {getter<JsGraph, &JsGraph::symbols>("symbols"), getter<JsGraph, &JsGraph::inputs>("inputs"),
       getter<JsGraph, &JsGraph::outputs>("outputs"), getter<JsGraph, &JsGraph::weights>("weights"),
       method<JsGraph, &JsGraph::dispose>("dispose"),
       dispose_method<JsGraph, &JsGraph::dispose>(env)});
}

JsGraph::JsGraph(const Napi::CallbackInfo &info) : Napi::ObjectWrap<JsGraph>(info) {
  guarded(Env(), [&] {
    View bytes = view({"graph", "bytes"}, info[0]);
    core = Graph::parse({bytes.data, bytes.bytes});
    napi_type_tag tag = Instance::of(Env()).tag(Kind::graph);
    info.This().As<Napi::Object>().TypeTag(&tag);
  });
}

const std::shared_ptr<const Graph> &JsGraph::opened() const {
  if (!core)
    throw disposed("graph");
  return core;
}

Napi::Value JsGraph::symbols(const Napi::CallbackInfo &info) {
  const std::vector<std::string> &names = opened()->symbols;
  auto list = Napi::Array::New(info.Env(), names.size());
  for (size_t i = 0; i < names.size(); i++)
    list.Set(uint32_t(i), Napi::String::New(info.Env(), names[i]));
  return list;
}

Napi::Value JsGraph::inputs(const Napi::CallbackInfo &) { return describe_tensors(&Graph::inputs); }

Napi::Value JsGraph::outputs(const Napi::CallbackInfo &) {
  return describe_tensors(&Graph::outputs);
}

Napi::Value JsGraph::weights(const Napi::CallbackInfo &) {
  return describe_tensors(&Graph::weights);
}

Napi::Value JsGraph::describe_tensors(const std::vector<int> Graph::*member) {
  const Graph &graph = *opened();
  const std::vector<int> &ids = graph.*member;
  auto list = Napi::Array::New(Env(), ids.size());
  for (size_t i = 0; i < ids.size(); i++) {
    Napi::HandleScope scope(Env());
    const GraphTensor &tensor = graph.tensors[ids[i]];
    auto shape = Napi::Array::New(Env(), size_t(tensor.shape.rank));
    for (int axis = 0; axis < tensor.shape.rank; axis++)
      shape.Set(uint32_t(axis), Napi::Number::New(Env(), double(tensor.shape[axis])));
    auto description = Napi::Object::New(Env());
    description.Set("name", Napi::String::New(Env(), tensor.name));
    description.Set("dtype", Napi::String::New(Env(), name_of(tensor.dtype)));
    description.Set("shape", shape);
    list.Set(uint32_t(i), description);
  }
  return list;
}

Napi::Value JsGraph::dispose(const Napi::CallbackInfo &info) {
  core.reset();
  return info.Env().Undefined();
}

std::shared_ptr<const Graph> graph_of(const Argument &argument, Napi::Value value) {
  return unwrap<JsGraph>(argument, value, Kind::graph, "a Graph").opened();
}

} // namespace tubelet::binding
