#include "binding/device.h"

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/entry.h"
#include "binding/errors.h"
#include "binding/graph.h"
#include "binding/plan.h"

namespace tubelet::binding {
namespace {

constexpr int64_t most_threads = 1024;
constexpr int64_t most_parts = 4096; ///< stored tensors that make one weight

class CompileJob : public Job {
public:
  explicit CompileJob(std::shared_ptr<OpenDevice> owner) : Job(std::move(owner)) {
    device = this->owner->device();
  }

  void work() override { plan = Plan::compile(device, graph, weights, capacity, precision); }

  Napi::Value result(Napi::Env env) override {
    owner->device();
    Instance &instance = Instance::of(env);
    auto bytes = int64_t(plan->arena_bytes() + plan->packed_bytes());
    return instance.construct(instance.plan_class, {owner, nullptr, std::move(plan), bytes});
  }

  std::shared_ptr<const Graph> graph;
  std::vector<std::vector<WeightPart>> weights;
  std::vector<int64_t> capacity;
  Precision precision = Precision::f32;

private:
  std::shared_ptr<Device> device;
  std::shared_ptr<Plan> plan;
};

class PreviewJob : public Job {
public:
  explicit PreviewJob(std::shared_ptr<OpenDevice> owner) : Job(std::move(owner)) {
    device = this->owner->device();
  }

  void work() override { explanation = Plan::preview(device, graph, capacity, precision); }

  Napi::Value result(Napi::Env env) override { return Napi::String::New(env, explanation); }

  std::shared_ptr<const Graph> graph;
  std::vector<int64_t> capacity;
  Precision precision = Precision::f32;

private:
  std::shared_ptr<Device> device;
  std::string explanation;
};

WeightPart weight_part(const Argument &argument, Napi::Value value, const OpenDevice *owner) {
  Napi::Object given = object(argument, value);
  auto field = [&](const char *name) { return Argument{argument.op, argument.what + "." + name}; };
  WeightPart part;
  part.buffer = buffer_of(field("buffer"), given.Get("buffer"), owner);
  part.offset = size_t(whole_number(field("offset"), given.Get("offset"), 0, most_bytes));
  part.dtype = dtype(field("dtype"), given.Get("dtype"));
  part.elements = whole_number(field("elements"), given.Get("elements"), 1, most_bytes);
  return part;
}

} // namespace

OpenDevice::OpenDevice(Napi::Env env, std::shared_ptr<Device> core)
    : queue(Queue::start(env)), core(std::move(core)) {}

const std::shared_ptr<Device> &OpenDevice::device() const {
  if (!core)
    throw disposed("device");
  return core;
}

void OpenDevice::close() {
  while (!children.empty())
    (*children.begin())->release();
  queue->close();
  core.reset();
}

Napi::Function JsDevice::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {getter<JsDevice, &JsDevice::kind_name>("kind"),
       getter<JsDevice, &JsDevice::threads>("threads"), getter<JsDevice, &JsDevice::isa>("isa"),
       getter<JsDevice, &JsDevice::bytes_in_use>("bytesInUse"),
       method<JsDevice, &JsDevice::allocate>("allocate"), method<JsDevice, &JsDevice::map>("map"),
       method<JsDevice, &JsDevice::compile>("compile"),
       method<JsDevice, &JsDevice::preview>("preview"),
       method<JsDevice, &JsDevice::dispose>("dispose"),
       dispose_method<JsDevice, &JsDevice::dispose>(env)});
}

JsDevice::JsDevice(const Napi::CallbackInfo &info) : Napi::ObjectWrap<JsDevice>(info) {
  guarded(Env(), [&] {
    Napi::Object given = object({"device", "options"}, info[0]);
    DeviceOptions options;
    options.kind = text({"device", "kind"}, given.Get("kind"));
    if (Napi::Value threads = given.Get("threads"); !threads.IsUndefined())
      options.threads = int(whole_number({"device", "threads"}, threads, 1, most_threads));
    if (Napi::Value isa = given.Get("isa"); !isa.IsUndefined())
      options.isa = text({"device", "isa"}, isa);
    owner = std::make_shared<OpenDevice>(Env(), Device::open(options));
    napi_type_tag tag = Instance::of(Env()).tag(Kind::device);
    info.This().As<Napi::Object>().TypeTag(&tag);
  });
}

const std::shared_ptr<OpenDevice> &JsDevice::opened() const {
  if (!owner)
    throw disposed("device");
  owner->device();
  return owner;
}

Napi::Value JsDevice::kind_name(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), opened()->device()->kind());
}

Napi::Value JsDevice::threads(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), opened()->device()->threads());
}

Napi::Value JsDevice::isa(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), opened()->device()->isa());
}

Napi::Value JsDevice::bytes_in_use(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), double(opened()->device()->bytes_in_use()));
}

Napi::Value JsDevice::allocate(const Napi::CallbackInfo &info) {
  int64_t bytes = whole_number({"device", "bytes"}, info[0], 0, most_bytes);
  auto buffer = Buffer::allocate(opened()->device(), size_t(bytes));
  Instance &instance = Instance::of(Env());
  return instance.construct(instance.buffer_class, {owner, std::move(buffer), nullptr, bytes});
}

Napi::Value JsDevice::map(const Napi::CallbackInfo &info) {
  std::string path = text({"device", "path"}, info[0]);
  auto buffer = Buffer::map(opened()->device(), path);
  Instance &instance = Instance::of(Env());
  return instance.construct(instance.buffer_class, {owner, std::move(buffer), nullptr});
}

Napi::Value JsDevice::compile(const Napi::CallbackInfo &info) {
  return promised(Env(), [&] {
    auto job = std::make_unique<CompileJob>(opened());
    job->graph = graph_of({"device", "graph"}, info[0]);
    each({"device", "weights"}, info[1], int64_t(job->graph->weights.size()), 0,
         [&](const Argument &argument, Napi::Value weight) {
           std::vector<WeightPart> &parts = job->weights.emplace_back();
           each(argument, weight, -1, most_parts, [&](const Argument &element, Napi::Value part) {
             parts.push_back(weight_part(element, part, owner.get()));
           });
         });
    job->capacity = whole_numbers({"device", "capacity"}, info[2],
                                  int64_t(job->graph->symbols.size()), 1, INT32_MAX);
    if (!info[3].IsUndefined())
      job->precision = precision({"device", "precision"}, info[3]);
    return opened()->queue->push(std::move(job));
  });
}

Napi::Value JsDevice::preview(const Napi::CallbackInfo &info) {
  return promised(Env(), [&] {
    auto job = std::make_unique<PreviewJob>(opened());
    job->graph = graph_of({"device", "graph"}, info[0]);
    job->capacity = whole_numbers({"device", "capacity"}, info[1],
                                  int64_t(job->graph->symbols.size()), 1, INT32_MAX);
    if (!info[2].IsUndefined())
      job->precision = precision({"device", "precision"}, info[2]);
    return opened()->queue->push(std::move(job));
  });
}

Napi::Value JsDevice::dispose(const Napi::CallbackInfo &info) {
  if (owner)
    owner->close();
  owner.reset();
  return info.Env().Undefined();
}

} // namespace tubelet::binding
