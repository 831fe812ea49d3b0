// A stand-in for libcuda.so.1: device memory is the host's, kernels are those of kernels/cuda, emulated.
// EMULATED_FAILS="function:code" lets one function fail; EMULATED_GPUS, EMULATED_MAJOR and EMULATED_MEMORY (bytes) say
// what there is. Work of a stream is done when somebody waits for it. Memory written behind an allocation's end fails its
// release as an illegal address does.
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "cuda.hpp"
#include "kernels.inc"  // the sources, and KERNELS: a line {"name", bound<name>}, for each of their kernels

using Address = unsigned char*;

namespace {

constexpr std::size_t GUARD = 256;
constexpr unsigned char MARK = 0xA7, STALE = 0xCD;
enum { SUCCESS = 0, INVALID = 1, NO_MEMORY = 2, BAD_IMAGE = 200, NOT_FOUND = 500, ILLEGAL = 700, HANGS = 702 };

std::map<Address, std::size_t> memory;
std::vector<std::function<void()>> queue;
std::set<char*> pinned;
using Work = std::vector<std::function<void()>>;
Work* capturing = nullptr;
int sticky = SUCCESS;

int drained() {
  for (std::size_t at = 0; at < queue.size(); at++) queue[at]();
  queue.clear();
  return sticky;
}

long number(const char* variable, long usual) {
  const char* text = std::getenv(variable);
  return text ? std::atol(text) : usual;
}

int fails(const char* function) {
  const char* text = std::getenv("EMULATED_FAILS");
  const std::string wanted = std::string(function) + ":";
  return text && std::string(text).rfind(wanted, 0) == 0 ? std::atoi(text + wanted.size()) : SUCCESS;
}

std::size_t held() {
  std::size_t sum = 0;
  for (const auto& [at, nbytes] : memory) sum += nbytes;
  return sum;
}

std::size_t whole() { return static_cast<std::size_t>(number("EMULATED_MEMORY", 1L << 30)); }

bool known(const Emulated* kernel) { return std::begin(KERNELS) <= kernel && kernel < std::end(KERNELS); }

bool inside(Address at, std::size_t nbytes) {
  auto next = memory.upper_bound(at);
  if (next == memory.begin()) return false;
  const auto& [begin, size] = *std::prev(next);
  return at + nbytes <= begin + size;
}

}  // namespace

#define ENTRY(NAME, ...)                                       \
  extern "C" int NAME(__VA_ARGS__) {                           \
    if (const int code = fails(#NAME); code != SUCCESS) return code;
#define END }

ENTRY(cuInit, unsigned) return SUCCESS; END
ENTRY(cuDriverGetVersion, int* version) *version = 13000; return SUCCESS; END
ENTRY(cuDeviceGetCount, int* count) *count = number("EMULATED_GPUS", 1); return SUCCESS; END
ENTRY(cuDeviceGet, int* device, int ordinal) *device = ordinal; return SUCCESS; END
ENTRY(cuDeviceGetName, char* name, int size, int device)
  snprintf(name, size, "Emulated GPU %d", device); return SUCCESS; END
ENTRY(cuDeviceGetUuid_v2, char* uuid, int device)
  for (int at = 0; at < 16; at++) uuid[at] = char(16 * device + at);
  return SUCCESS; END
ENTRY(cuDeviceGetAttribute, int* value, int attribute, int)
  const std::map<int, int> known = {
      {16, 2}, {36, 1000000}, {37, 4096}, {38, 1 << 20}, {75, int(number("EMULATED_MAJOR", 8))}, {76, 0}};
  if (!known.count(attribute)) return INVALID;
  *value = known.at(attribute); return SUCCESS; END
ENTRY(cuDeviceTotalMem_v2, std::size_t* nbytes, int) *nbytes = whole(); return SUCCESS; END
ENTRY(cuDevicePrimaryCtxRetain, void** context, int) *context = &memory; return SUCCESS; END
ENTRY(cuCtxSetCurrent, void*) return SUCCESS; END
ENTRY(cuMemGetInfo_v2, std::size_t* left, std::size_t* all)
  *all = whole(); *left = *all - std::min(*all, held()); return SUCCESS; END
ENTRY(cuMemHostAlloc, void** at, std::size_t nbytes, unsigned) *at = std::calloc(nbytes, 1); return SUCCESS; END
ENTRY(cuMemHostGetDevicePointer_v2, void** device, void* host, unsigned) *device = host; return SUCCESS; END
ENTRY(cuMemHostRegister_v2, char* at, std::size_t nbytes, unsigned)
  return nbytes > 0 && pinned.insert(at).second ? SUCCESS : INVALID; END
ENTRY(cuMemHostUnregister, char* at) return pinned.erase(at) == 1 ? SUCCESS : INVALID; END
ENTRY(cuMemcpyDtoDAsync_v2, Address to, Address from, std::size_t nbytes, void*)
  if (!inside(to, nbytes) || !inside(from, nbytes)) return INVALID;
  queue.push_back([=] { std::memcpy(to, from, nbytes); }); return SUCCESS; END
ENTRY(cuMemAlloc_v2, Address* at, std::size_t nbytes)
  if (held() + nbytes > whole()) return NO_MEMORY;
  *at = static_cast<Address>(std::aligned_alloc(256, (nbytes + GUARD + 255) / 256 * 256));
  std::memset(*at, STALE, nbytes);
  std::memset(*at + nbytes, MARK, GUARD);
  memory[*at] = nbytes; return SUCCESS; END
ENTRY(cuMemFree_v2, Address at)
  const auto found = memory.find(at);
  if (found == memory.end()) return INVALID;
  const Address end = at + found->second;
  const bool kept = std::all_of(end, end + GUARD, [](unsigned char one) { return one == MARK; });
  memory.erase(found);
  std::free(at);
  return kept ? SUCCESS : ILLEGAL; END
ENTRY(cuMemcpyHtoDAsync_v2, Address to, const void* from, std::size_t nbytes, void*)
  if (!inside(to, nbytes)) return INVALID;
  queue.push_back([=] { std::memcpy(to, from, nbytes); }); return SUCCESS; END
ENTRY(cuMemcpyDtoHAsync_v2, void* to, Address from, std::size_t nbytes, void*)
  if (!inside(from, nbytes)) return INVALID;
  queue.push_back([=] { std::memcpy(to, from, nbytes); }); return SUCCESS; END
ENTRY(cuMemsetD8Async, Address to, unsigned char value, std::size_t nbytes, void*)
  if (!inside(to, nbytes)) return INVALID;
  queue.push_back([=] { std::memset(to, value, nbytes); }); return SUCCESS; END
ENTRY(cuStreamCreate, void** stream, unsigned) *stream = &sticky; return SUCCESS; END
ENTRY(cuStreamSynchronize, void*) return drained(); END
ENTRY(cuModuleLoadData, void** module, const void* image)
  if (std::memcmp(image, "\x7f" "ELF", 4) != 0 && std::strncmp(static_cast<const char*>(image), "//", 2) != 0)
    return BAD_IMAGE;
  *module = &memory; return SUCCESS; END
ENTRY(cuModuleGetFunction, const Emulated** function, void*, const char* name)
  for (const Emulated& one : KERNELS)
    if (std::strcmp(one.name, name) == 0) { *function = &one; return SUCCESS; }
  return NOT_FOUND; END
ENTRY(cuOccupancyMaxActiveBlocksPerMultiprocessor, int* blocks, const Emulated* kernel, int, std::size_t)
  if (!known(kernel)) return INVALID;
  *blocks = 2; return SUCCESS; END
ENTRY(cuLaunchKernel, const Emulated* kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
      unsigned, void* stream, void** arguments, void** extra)
  if (!known(kernel) || stream != &sticky) return INVALID;
  if (gx == 0 || gy * gz != 1 || bx == 0 || bx > 1024 || by * bz != 1 || extra != nullptr) return INVALID;
  // The values of the arguments are those of now.
  (capturing != nullptr ? *capturing : queue).push_back([=, call = kernel->bind(arguments)] { if (!emulation::run(gx, bx, call)) sticky = HANGS; });
  return SUCCESS; END
ENTRY(cuStreamBeginCapture_v2, void*, int)
  if (capturing != nullptr) return INVALID;
  capturing = new Work; return SUCCESS; END
ENTRY(cuStreamEndCapture, void*, Work** graph)
  if (capturing == nullptr) return INVALID;
  *graph = capturing; capturing = nullptr; return SUCCESS; END
ENTRY(cuGraphInstantiateWithFlags, Work** ready, Work* graph, unsigned long long)
  *ready = new Work(*graph); return SUCCESS; END
ENTRY(cuGraphLaunch, Work* ready, void* stream)
  if (stream != &sticky) return INVALID;
  queue.push_back([=] { for (const auto& one : *ready) one(); }); return SUCCESS; END
ENTRY(cuGraphExecDestroy, Work* ready) delete ready; return SUCCESS; END
ENTRY(cuGraphDestroy, Work* graph) delete graph; return SUCCESS; END
ENTRY(cuEventCreate, void** event, unsigned) *event = new timespec; return SUCCESS; END
ENTRY(cuEventRecord, timespec* event, void*)
  queue.push_back([=] { clock_gettime(CLOCK_MONOTONIC, event); }); return SUCCESS; END
ENTRY(cuEventElapsedTime, float* ms, timespec* first, timespec* last)
  *ms = float((last->tv_sec - first->tv_sec) * 1e3 + (last->tv_nsec - first->tv_nsec) * 1e-6); return SUCCESS; END
extern "C" void emulated_enqueue(const std::function<void()>* work) { queue.push_back(*work); }
// NVRTC asks the driver for this, wherever it finds one, and does without it.
extern "C" int cuGetExportTable(const void**, const void*) { return NOT_FOUND; }
extern "C" int cuGetErrorName(int code, const char** text) {
  const std::map<int, const char*> names = {
      {1, "CUDA_ERROR_INVALID_VALUE"}, {2, "CUDA_ERROR_OUT_OF_MEMORY"}, {100, "CUDA_ERROR_NO_DEVICE"},
      {200, "CUDA_ERROR_INVALID_IMAGE"}, {500, "CUDA_ERROR_NOT_FOUND"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {702, "CUDA_ERROR_LAUNCH_TIMEOUT"}, {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"}};
  if (!names.count(code)) return INVALID;
  *text = names.at(code);
  return SUCCESS;
}
