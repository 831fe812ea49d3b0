// What the kernels share: elements sixteen bytes at a time, and joining the values of all threads.
// No header of the toolkit is included: a program compiles in tenths of a second, wherever NVRTC alone is installed.
#pragma once

#define EACH_FLOAT(DEFINE) \
  DEFINE(float64, double)  \
  DEFINE(float32, float)

namespace fabricbench {

using Index = long long;

constexpr int WARP = 32;
constexpr int LARGEST_BLOCK = 1024;

__device__ inline Index this_thread() { return Index(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ inline Index all_threads() { return Index(gridDim.x) * blockDim.x; }

// Sixteen bytes of elements, the most that one instruction loads or stores.
template <typename T>
struct alignas(16) Pack {
  static constexpr int SIZE = 16 / sizeof(T);
  T at[SIZE];
};

template <typename T>
__device__ inline Pack<T> load(const T* from, Index pack) { return reinterpret_cast<const Pack<T>*>(from)[pack]; }

template <typename T>
__device__ inline void store(T* to, Index pack, const Pack<T>& values) { reinterpret_cast<Pack<T>*>(to)[pack] = values; }

struct Sum {
  template <typename A>
  __device__ static A none() { return A(0); }
  template <typename A>
  __device__ static A of(A left, A right) { return left + right; }
};

struct Max {
  template <typename A>
  __device__ static A none() { return -A(__int_as_float(0x7f800000)); }
  template <typename A>
  __device__ static A of(A left, A right) { return left > right ? left : right; }
};

// Thread 0 gets the values of all threads of its block, joined; for blocks of whole warps.
template <typename Join, typename A>
__device__ inline A over_block(A value) {
  __shared__ A of_warps[LARGEST_BLOCK / WARP];
  for (int apart = WARP / 2; apart > 0; apart /= 2) value = Join::of(value, __shfl_down_sync(0xffffffffu, value, apart));
  const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
  __syncthreads();  // of_warps may still be read by a call before this one
  if (lane == 0) of_warps[warp] = value;
  __syncthreads();
  if (warp > 0) return value;
  value = lane < warps ? of_warps[lane] : Join::template none<A>();
  for (int apart = WARP / 2; apart > 0; apart /= 2) value = Join::of(value, __shfl_down_sync(0xffffffffu, value, apart));
  return value;
}

// True in one thread of the whole grid, which gets the values of all threads, joined. Whichever block is last to come
// joins what all blocks left in `partials` (one a block); `arrived` is 0 before, and again behind.
template <typename Join, typename A>
__device__ inline bool over_grid(A value, A* partials, unsigned* arrived, A* total) {
  __shared__ bool last;
  value = over_block<Join>(value);
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = value;
    __threadfence();
    last = atomicInc(arrived, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return false;
  __threadfence();
  A joined = Join::template none<A>();
  const volatile A* written = partials;  // by other blocks: not from this multiprocessor's cache
  for (unsigned block = threadIdx.x; block < gridDim.x; block += blockDim.x) joined = Join::of(joined, A(written[block]));
  *total = over_block<Join>(joined);
  return threadIdx.x == 0;
}

}  // namespace fabricbench
