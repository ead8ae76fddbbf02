#include "cuda/backend.h"

#include "core/backend.h"
#include "core/json.h"
#include "cuda/library.h"

namespace tubelet {
namespace {

[[noreturn]] void fail_opening(const std::string &what, const std::string &expected,
                               const std::string &got) {
  throw Error(ErrorCode::unsupported, "device", what + " must be = " + expected + ", got " + got);
}

class CudaBackend : public Backend {
public:
  explicit CudaBackend(const CudaLibrary &library) : library(library), by_op(op_table().size()) {
    CudaDevice device;
    CudaStatus status = library.describe(&device);
    if (status.code == CudaCode::ok)
      status = library.open(&session);
    if (status.code != CudaCode::ok)
      fail_opening("cuda", "available", status.text);
    architecture = "sm_" + std::to_string(device.major) + std::to_string(device.minor);
    for (size_t op = 0; op < by_op.size(); op++)
      if (const KernelList *list = library.kernels(int(op)))
        by_op[op].assign(list->kernels, list->kernels + list->count);
  }
  ~CudaBackend() override { library.close(session); }

  const std::string &isa() const override { return architecture; }
  Pool &pool() override { return *library.pool(session); }
  const std::vector<const Kernel *> &kernels(OpId op) const override { return by_op[size_t(op)]; }

  bool is_host() const override { return false; }

  Memory allocate(size_t bytes, const char *purpose) override {
    if (bytes == 0)
      return {};
    uint8_t *start = nullptr;
    const CudaStatus status = library.allocate(session, bytes, &start);
    if (status.code == CudaCode::out_of_memory)
      throw Error(ErrorCode::out_of_memory, purpose,
                  "GPU memory must be available = " + std::to_string(bytes) + " bytes, got " +
                      status.text);
    require(status);
    return Memory(start, bytes, this, [](void *self, uint8_t *memory) {
      const auto &backend = *static_cast<CudaBackend *>(self);
      backend.library.release(backend.session, memory);
    });
  }

  void write(uint8_t *to, const void *from, size_t bytes) override {
    require(library.write(session, to, from, bytes));
  }
  void read(void *to, const uint8_t *from, size_t bytes) override {
    require(library.read(session, to, from, bytes));
  }
  void copy_rows(uint8_t *to, const uint8_t *from, size_t rows, size_t row_bytes,
                 size_t stride) override {
    require(library.copy_rows(session, to, from, rows, row_bytes, stride));
  }

  bool can_record() const override { return true; }
  void begin_recording() override { require(library.begin_recording(session)); }
  Recording end_recording() override {
    CudaRecording *recording = nullptr;
    require(library.end_recording(session, &recording));
    return Recording(recording, [this](void *made) {
      library.forget(session, static_cast<CudaRecording *>(made));
    });
  }
  void drop_recording() override { library.end_recording(session, nullptr); }
  void replay(const Recording &recording) override {
    require(library.replay(session, static_cast<CudaRecording *>(recording.get())));
  }
  void finish() override { require(library.finish(session)); }

private:
  static void require(const CudaStatus &status) {
    if (status.code != CudaCode::ok)
      throw Error(ErrorCode::io, "device",
                  std::string("the GPU must be = working, got ") + status.text);
  }

  const CudaLibrary &library;
  CudaSession *session = nullptr;
  std::string architecture;
  std::vector<std::vector<const Kernel *>> by_op;
};

std::unique_ptr<Backend> open_cuda(const DeviceOptions &options) {
  if (options.threads != 0)
    fail_opening("threads", "left out for cuda", std::to_string(options.threads));
  if (!options.isa.empty())
    fail_opening("isa", "left out for cuda", '"' + options.isa + '"');
  const FoundCudaLibrary found = find_cuda_library();
  if (!found.library)
    fail_opening("cuda", "available", found.reason);
  return std::make_unique<CudaBackend>(*found.library);
}

std::string cuda_version(int32_t number) {
  return quoted(std::to_string(number / 1000) + '.' + std::to_string(number % 1000 / 10));
}

std::string describe_cuda() {
  const std::string kind = "{\"kind\":\"cuda\",\"available\":";
  const FoundCudaLibrary found = find_cuda_library();
  if (!found.library)
    return kind + "false,\"reason\":" + quoted(found.reason) + "}";
  CudaDevice device;
  const CudaStatus status = found.library->describe(&device);
  const std::string library = ",\"library\":" + quoted(found.path) +
                              ",\"architectures\":" + quoted(found.library->architectures) + "}";
  if (status.code != CudaCode::ok)
    return kind + "false,\"reason\":" + quoted(status.text) + library;
  return kind + "true,\"name\":" + quoted(device.name) + ",\"computeCapability\":\"" +
         std::to_string(device.major) + '.' + std::to_string(device.minor) +
         "\",\"multiprocessors\":" + std::to_string(device.multiprocessors) +
         ",\"memoryBytes\":" + std::to_string(device.total_bytes) +
         ",\"freeBytes\":" + std::to_string(device.free_bytes) +
         ",\"driver\":" + cuda_version(device.driver) +
         ",\"runtime\":" + cuda_version(device.runtime) + library;
}

} // namespace

void register_cuda() { register_backend({"cuda", open_cuda, describe_cuda}); }

} // namespace tubelet
