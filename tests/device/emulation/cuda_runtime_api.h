// In place of the toolkit's: what library.cu needs of the runtime, by the stand-in for the driver.
#pragma once
#include <cstddef>

#define CUDART_VERSION 13000

using cudaError_t = int;
using cudaStream_t = void*;
enum { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaDevAttrMultiProcessorCount = 16 };
struct dim3 {
  explicit dim3(unsigned x) : x(x) {}
  unsigned x;
};

extern "C" {
int cuDeviceGetAttribute(int*, int, int);
int cuStreamSynchronize(void*);
}

inline cudaError_t cudaGetDevice(int* device) { *device = 0; return cudaSuccess; }
inline cudaError_t cudaDeviceGetAttribute(int* value, int attribute, int device) {
  return cuDeviceGetAttribute(value, attribute, device);
}
inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, std::size_t) {
  *blocks = 2;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return cuStreamSynchronize(stream); }
cudaError_t cudaLaunchKernel(const void*, dim3, dim3, void**, std::size_t, cudaStream_t);
