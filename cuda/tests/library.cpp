// library PATH: loads it as the addon does. Without a GPU it must say why; with one, bytes must
// come back as they were written.
#include "tubelet_cuda.h"

#include "ops/op.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace tubelet;

int failures = 0;

void require(bool holds, const std::string &what) {
  if (holds)
    return;
  std::printf("FAIL %s\n", what.c_str());
  failures++;
}

void require_ok(const CudaStatus &status, const char *what) {
  require(status.code == CudaCode::ok, std::string(what) + ": " + status.text);
}

void check_memory(const CudaLibrary &library) {
  CudaSession *session = nullptr;
  require_ok(library.open(&session), "open");
  if (!session)
    return;
  constexpr size_t bytes = 1000003;
  std::vector<uint8_t> written(bytes), got(bytes, 1);
  for (size_t i = 0; i < bytes; i++)
    written[i] = uint8_t(i * 31);
  uint8_t *start = nullptr;
  require_ok(library.allocate(session, bytes, &start), "allocate");
  require_ok(library.read(session, got.data(), start, bytes), "read");
  require(got == std::vector<uint8_t>(bytes, 0), "memory is zeroed");
  require_ok(library.write(session, start, written.data(), bytes), "write");
  require_ok(library.read(session, got.data(), start, bytes), "read");
  require(got == written, "bytes come back");
  library.release(session, start);

  const CudaStatus huge = library.allocate(session, size_t(1) << 50, &start);
  require(huge.code == CudaCode::out_of_memory && !start, "2^50 bytes are out of memory");
  require_ok(library.finish(session), "finish after a refused allocation");
  library.close(session);
}

/// While a run is recorded, another thread allocates and transfers as ever.
void check_recording(const CudaLibrary &library) {
  CudaSession *session = nullptr;
  require_ok(library.open(&session), "open");
  if (!session)
    return;
  const std::vector<uint8_t> written(256, 7);
  std::vector<uint8_t> got(256);
  uint8_t *from = nullptr, *to = nullptr;
  require_ok(library.allocate(session, 256, &from), "allocate");
  require_ok(library.begin_recording(session), "begin of a recording");
  std::thread([&] {
    require_ok(library.allocate(session, 256, &to), "allocate while recording");
    require_ok(library.write(session, from, written.data(), 256), "write while recording");
  }).join();
  require_ok(library.copy_rows(session, to, from, 1, 256, 256), "copy");
  CudaRecording *recording = nullptr;
  require_ok(library.end_recording(session, &recording), "end of a recording");
  require_ok(library.read(session, got.data(), to, 256), "read");
  require(got == std::vector<uint8_t>(256, 0), "a copy that is recorded is not made");
  if (recording) {
    require_ok(library.replay(session, recording), "replay");
    require_ok(library.read(session, got.data(), to, 256), "read");
    require(got == written, "a replay copies");
    library.forget(session, recording);
  }
  library.release(session, from);
  library.release(session, to);
  library.close(session);
}

/// The number of kernels.
int check_kernels(const CudaLibrary &library) {
  int kernels = 0;
  for (size_t op = 0; op < op_table().size(); op++) {
    const KernelList *list = library.kernels(int(op));
    for (int i = 0; list && i < list->count; i++) {
      const std::string name = list->kernels[i]->name, stem = op_table()[op].name;
      require(name.starts_with(stem + "."), name + " is named after " + stem);
      kernels++;
    }
  }
  require(!library.kernels(-1) && !library.kernels(1 << 20),
          "no kernels of an op outside the table");
  return kernels;
}

void check_refusal(const CudaLibrary &library, const CudaStatus &status) {
  require(status.code == CudaCode::unsupported && status.text[0], "no GPU: it says why");
  CudaSession *session = nullptr;
  const CudaStatus opened = library.open(&session);
  require(opened.code == CudaCode::unsupported && !session &&
              std::strcmp(opened.text, status.text) == 0,
          "open fails for the same reason");
}

} // namespace

int main(int count, char **arguments) {
  if (count != 2)
    return 2;
  const auto started = std::chrono::steady_clock::now();
  void *handle = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  const std::chrono::duration<double, std::milli> loading =
      std::chrono::steady_clock::now() - started;
  if (!handle) {
    std::printf("FAIL %s\n", dlerror());
    return 1;
  }
  require(loading.count() < 100, "it loads in less than 100 ms");
  const auto entry = reinterpret_cast<CudaEntry>(dlsym(handle, cuda_entry_name));
  require(entry, "the entry is there");
  if (!entry)
    return 1;

  uint32_t abi = 0;
  require(!entry(TUBELET_CUDA_ABI + 1, &abi), "another ABI is refused");
  require(abi == TUBELET_CUDA_ABI, "its own ABI is told");
  const CudaLibrary *library = entry(TUBELET_CUDA_ABI, &abi);
  require(library && library->abi == TUBELET_CUDA_ABI, "the same ABI is taken");
  if (!library)
    return 1;

  const int kernels = check_kernels(*library);
  CudaDevice device;
  const CudaStatus status = library->describe(&device);
  const bool has_gpu = status.code == CudaCode::ok;
  if (has_gpu) {
    check_memory(*library);
    check_recording(*library);
  } else {
    check_refusal(*library, status);
  }
  std::printf("library: loads in %.1f ms, %d kernels, %s, %d failures\n", loading.count(), kernels,
              has_gpu ? device.name : status.text, failures);
  return failures ? 1 : 0;
}
