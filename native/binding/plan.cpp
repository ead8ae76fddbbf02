#include "binding/plan.h"

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/entry.h"
#include "binding/errors.h"

#include <algorithm>

namespace tubelet::binding {
namespace {

class RunJob : public Job {
public:
  RunJob(std::shared_ptr<OpenDevice> owner, std::shared_ptr<Plan> plan)
      : Job(std::move(owner)), plan(std::move(plan)) {}

  /// The plan is let go here: its destructor waits for the run of another.
  void work() override {
    std::shared_ptr<Plan> running = std::move(plan);
    running->run(inputs, outputs, sizes, cancel, node_ms.empty() ? nullptr : node_ms.data());
  }

  Napi::Value result(Napi::Env env) override {
    if (node_ms.empty())
      return env.Undefined();
    auto times = Napi::Float64Array::New(env, node_ms.size());
    std::copy(node_ms.begin(), node_ms.end(), times.Data());
    return times;
  }

  void cancel_by(std::atomic<int32_t> *flag, Napi::Object memory) {
    cancel = flag;
    cancel_memory = Napi::Persistent(memory);
  }

  std::vector<std::shared_ptr<Buffer>> inputs;
  std::vector<std::shared_ptr<Buffer>> outputs;
  std::vector<int64_t> sizes;
  std::vector<double> node_ms; ///< empty unless the run is profiled

private:
  std::shared_ptr<Plan> plan;
  Napi::ObjectReference cancel_memory;
};

} // namespace

Napi::Function JsPlan::define(Napi::Env env) {
  return DefineClass(
      env, "Plan",
      {getter<JsPlan, &JsPlan::arena_bytes>("arenaBytes"),
       getter<JsPlan, &JsPlan::packed_bytes>("packedBytes"),
       method<JsPlan, &JsPlan::explain>("explain"), method<JsPlan, &JsPlan::run>("run"),
       method<JsPlan, &JsPlan::profile>("profile"), method<JsPlan, &JsPlan::dispose>("dispose"),
       dispose_method<JsPlan, &JsPlan::dispose>(env)});
}

JsPlan::JsPlan(const Napi::CallbackInfo &info) : Napi::ObjectWrap<JsPlan>(info) {
  guarded(Env(), [&] {
    Instance &instance = Instance::of(Env());
    if (!instance.handoff || !instance.handoff->plan)
      throw Error(ErrorCode::bad_input, "plan", "a Plan must be made by = Device.compile, got new");
    napi_type_tag tag = instance.tag(Kind::plan);
    info.This().As<Napi::Object>().TypeTag(&tag);
    owner = instance.handoff->owner;
    core = std::move(instance.handoff->plan);
    owner->add(this);
    external_bytes = instance.handoff->external_bytes;
    Napi::MemoryManagement::AdjustExternalMemory(Env(), external_bytes);
  });
}

void JsPlan::release() {
  if (!owner)
    return;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), -external_bytes);
  owner->queue->drop(std::move(core));
  owner->remove(this);
  owner.reset();
}

const std::shared_ptr<Plan> &JsPlan::opened() const {
  if (!owner)
    throw disposed("plan");
  return core;
}

Napi::Value JsPlan::arena_bytes(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), double(opened()->arena_bytes()));
}

Napi::Value JsPlan::packed_bytes(const Napi::CallbackInfo &info) {
  return Napi::Number::New(info.Env(), double(opened()->packed_bytes()));
}

Napi::Value JsPlan::explain(const Napi::CallbackInfo &info) {
  return Napi::String::New(info.Env(), opened()->explain());
}

Napi::Value JsPlan::run(const Napi::CallbackInfo &info) { return start(info, false); }

Napi::Value JsPlan::profile(const Napi::CallbackInfo &info) { return start(info, true); }

Napi::Value JsPlan::start(const Napi::CallbackInfo &info, bool is_profiled) {
  return promised(Env(), [&] {
    const Graph &graph = opened()->source();
    auto job = std::make_unique<RunJob>(owner, opened());
    auto take = [&](const char *what, Napi::Value list, size_t count,
                    std::vector<std::shared_ptr<Buffer>> &into) {
      each({"plan", what}, list, int64_t(count), 0,
           [&](const Argument &element, Napi::Value buffer) {
             into.push_back(buffer_of(element, buffer, owner.get()));
           });
    };
    take("inputs", info[0], graph.inputs.size(), job->inputs);
    take("outputs", info[1], graph.outputs.size(), job->outputs);
    job->sizes =
        whole_numbers({"plan", "sizes"}, info[2], int64_t(graph.symbols.size()), 0, INT32_MAX);
    if (!info[3].IsUndefined())
      job->cancel_by(cancel_flag({"plan", "cancel"}, info[3]), info[3].As<Napi::Object>());
    if (is_profiled)
      job->node_ms.resize(std::max<size_t>(graph.nodes.size(), 1));
    opened();
    return owner->queue->push(std::move(job));
  });
}

Napi::Value JsPlan::dispose(const Napi::CallbackInfo &info) {
  release();
  return info.Env().Undefined();
}

} // namespace tubelet::binding
