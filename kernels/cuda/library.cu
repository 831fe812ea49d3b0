// The kernels as a plain shared library, for a compiler of the toolkit instead of NVRTC. Every function launches one
// kernel on a stream of the runtime, waits for nothing, and returns the runtime's error code, 0 for success.
// Elements: 0 float64, 1 float32, 2 bfloat16, 3 float16. Arrays are device memory at multiples of 16 bytes.
#include <cuda_runtime_api.h>

#include "chase.cuh"
#include "fma.cuh"
#include "pack.cuh"
#include "reduction.cuh"
#include "stream.cuh"

#define ENTRY extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int THREADS = 256;
constexpr long long ANY = 1LL << 31;

using Kernel = const void*;

// Blocks of THREADS that run at once on the whole device, but no more than have something to do, and than `room`.
cudaError_t grid(Kernel kernel, long long work, long long room, int* blocks) {
  int device, multiprocessors, each;
  cudaError_t code = cudaGetDevice(&device);
  if (code == cudaSuccess) code = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
  if (code == cudaSuccess) code = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, kernel, THREADS, 0);
  if (code != cudaSuccess) return code;
  const long long wanted = (work + THREADS - 1) / THREADS, resident = static_cast<long long>(each) * multiprocessors;
  const long long most = resident < room ? resident : room;
  *blocks = static_cast<int>(wanted < 1 ? 1 : wanted < most ? wanted : most);
  return cudaSuccess;
}

cudaError_t launch(Kernel kernel, int blocks, void** arguments, void* stream) {
  return cudaLaunchKernel(kernel, dim3(blocks), dim3(THREADS), arguments, 0, static_cast<cudaStream_t>(stream));
}

Kernel pick(Kernel const* kernels, int kinds, int kind) { return kind >= 0 && kind < kinds ? kernels[kind] : nullptr; }

}  // namespace

// operation: 0 copy, 1 scale, 2 add, 3 triad.
ENTRY fabricbench_stream(int operation, int elements, void* a, const void* b, const void* c, long long scalar,
                         long long count, void* stream) {
  static const Kernel doubles[] = {(Kernel)copy_fast_float64, (Kernel)scale_fast_float64, (Kernel)add_fast_float64,
                                   (Kernel)triad_fast_float64};
  static const Kernel floats[] = {(Kernel)copy_fast_float32, (Kernel)scale_fast_float32, (Kernel)add_fast_float32,
                                  (Kernel)triad_fast_float32};
  const Kernel kernel = elements == 0 ? pick(doubles, 4, operation) : elements == 1 ? pick(floats, 4, operation) : nullptr;
  if (kernel == nullptr) return cudaErrorInvalidValue;
  double wide = static_cast<double>(scalar);
  float narrow = static_cast<float>(scalar);
  void* arguments[] = {&a, &b, &c, elements == 0 ? static_cast<void*>(&wide) : &narrow, &count};
  int blocks;
  const cudaError_t code = grid(kernel, count * (elements == 0 ? 8 : 4) / 16, ANY, &blocks);
  return code != cudaSuccess ? code : launch(kernel, blocks, arguments, stream);
}

// partials: room for the results of so many blocks, of 8 bytes each; arrived: an unsigned that is 0.
ENTRY fabricbench_dot(int elements, void* a, const void* b, const void* c, long long count, void* partials,
                      long long room, void* arrived, void* stream) {
  static const Kernel kernels[] = {(Kernel)dot_fast_float64, (Kernel)dot_fast_float32};
  const Kernel kernel = pick(kernels, 2, elements);
  if (kernel == nullptr) return cudaErrorInvalidValue;
  void* arguments[] = {&a, &b, &c, &count, &partials, &arrived};
  int blocks;
  const cudaError_t code = grid(kernel, count * (elements == 0 ? 8 : 4) / 16, room, &blocks);
  return code != cudaSuccess ? code : launch(kernel, blocks, arguments, stream);
}

// operation: 0 sum, 1 max.
ENTRY fabricbench_reduction(int operation, int elements, void* into, const void* from, long long count, void* partials,
                            long long room, void* arrived, void* stream) {
  static const Kernel sums[] = {(Kernel)sum_fast_float64, (Kernel)sum_fast_float32, (Kernel)sum_fast_bfloat16,
                                (Kernel)sum_fast_float16};
  static const Kernel largest[] = {(Kernel)max_fast_float64, (Kernel)max_fast_float32, (Kernel)max_fast_bfloat16,
                                   (Kernel)max_fast_float16};
  const Kernel kernel = operation == 0 ? pick(sums, 4, elements) : operation == 1 ? pick(largest, 4, elements) : nullptr;
  if (kernel == nullptr) return cudaErrorInvalidValue;
  static const int widths[] = {8, 4, 2, 2};
  void* arguments[] = {&into, &from, &count, &partials, &arrived};
  int blocks;
  const cudaError_t code = grid(kernel, count * widths[elements] / 16, room, &blocks);
  return code != cudaSuccess ? code : launch(kernel, blocks, arguments, stream);
}

ENTRY fabricbench_wait(void* stream) { return cudaStreamSynchronize(static_cast<cudaStream_t>(stream)); }

// The CUDA that this was built with, such as 13000.
ENTRY fabricbench_cuda_version() { return CUDART_VERSION; }
