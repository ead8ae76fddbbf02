// Entry of the addon: `Device`, `Graph`, `ops()`, `devices()`. packages/native/src/binding.ts types
// everything that crosses.
#include "binding/addon.h"

#include "binding/buffer.h"
#include "binding/device.h"
#include "binding/errors.h"
#include "binding/graph.h"
#include "binding/plan.h"
#include "cpu/backend.h"
#include "cuda/backend.h"
#include "ops/op.h"

namespace tubelet::binding {

Napi::Object Instance::construct(const Napi::FunctionReference &constructor, Handoff given) {
  struct Scope {
    Instance &instance;
    Scope(Instance &instance, Handoff &given) : instance(instance) { instance.handoff = &given; }
    ~Scope() { instance.handoff = nullptr; }
  } scope(*this, given);
  return constructor.New({});
}

namespace {

const char *name_of(InputKind kind) {
  switch (kind) {
  case InputKind::activation:
    return "activation";
  case InputKind::weight:
    return "weight";
  case InputKind::index:
    return "index";
  }
  return "";
}

Napi::Array describe_inputs(Napi::Env env, const OpDefinition &op) {
  auto list = Napi::Array::New(env);
  for (const InputSpec &input : op.inputs) {
    auto description = Napi::Object::New(env);
    description.Set("name", input.name);
    description.Set("kind", name_of(input.kind));
    description.Set("optional", input.optional);
    list.Set(list.Length(), description);
  }
  return list;
}

Napi::Array describe_attributes(Napi::Env env, const OpDefinition &op) {
  auto list = Napi::Array::New(env);
  for (const AttributeDescription &attribute : op.attributes) {
    auto description = Napi::Object::New(env);
    description.Set("name", attribute.name);
    description.Set("type", attribute.type);
    list.Set(list.Length(), description);
  }
  return list;
}

Napi::Value ops(const Napi::CallbackInfo &info) {
  return guarded(info.Env(), [&] {
    Napi::Env env = info.Env();
    auto list = Napi::Array::New(env);
    for (const OpDefinition &op : op_table()) {
      auto description = Napi::Object::New(env);
      description.Set("name", op.name);
      description.Set("isView", op.is_view);
      description.Set("isVariadic", op.is_variadic);
      description.Set("inputs", describe_inputs(env, op));
      description.Set("attributes", describe_attributes(env, op));
      list.Set(list.Length(), description);
    }
    return list;
  });
}

Napi::Value devices(const Napi::CallbackInfo &info) {
  return guarded(info.Env(), [&] { return Napi::String::New(info.Env(), describe_devices()); });
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  register_cpu();
  register_cuda();
  auto instance = new Instance();
  env.SetInstanceData(instance);
  instance->buffer_class = Napi::Persistent(JsBuffer::define(env));
  instance->plan_class = Napi::Persistent(JsPlan::define(env));
  exports.Set("Device", JsDevice::define(env));
  exports.Set("Graph", JsGraph::define(env));
  exports.Set("ops", Napi::Function::New(env, ops, "ops"));
  exports.Set("devices", Napi::Function::New(env, devices, "devices"));
  return exports;
}

NODE_API_MODULE(tubelet, start)

} // namespace
} // namespace tubelet::binding
