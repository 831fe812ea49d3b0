// CUDA C++ on the host, for the sources in kernels/cuda: one block after another, its threads as coroutines of one
// thread of the host. A thread runs until it waits for its block or its warp, so a barrier left out shows.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct Three {
  unsigned x, y, z;
};
inline Three threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

constexpr unsigned LANES = 32;
constexpr std::size_t STACK = 64 << 10;
enum class Waits { nothing, warp, block, over };

struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  Waits waits = Waits::nothing;
};

inline std::vector<Thread> threads;
inline ucontext_t scheduler;
inline std::function<void()> body;
inline unsigned char slots[1024][8];

inline void wait(Waits reason) {
  Thread& self = threads[threadIdx.x];
  self.waits = reason;
  swapcontext(&self.context, &scheduler);
}

inline void enter() {
  body();
  threads[threadIdx.x].waits = Waits::over;
}

// Whether some threads from `first` to `last` wait for this, and nobody of them for anything else or still runs.
inline bool complete(Waits reason, unsigned first, unsigned last) {
  bool some = false;
  for (unsigned t = first; t < last; t++) {
    some |= threads[t].waits == reason;
    if (threads[t].waits != reason && threads[t].waits != Waits::over) return false;
  }
  return some;
}

inline bool release(Waits reason, unsigned first, unsigned last) {
  if (!complete(reason, first, last)) return false;
  for (unsigned t = first; t < last; t++)
    if (threads[t].waits == reason) threads[t].waits = Waits::nothing;
  return true;
}

// All threads of the block that blockIdx names; false where they wait for each other for ever.
inline bool run_block() {
  threads.resize(blockDim.x);
  for (unsigned t = 0; t < blockDim.x; t++) {
    Thread& one = threads[t];
    one.waits = Waits::nothing;
    if (!one.stack) one.stack.reset(new char[STACK]);
    getcontext(&one.context);
    one.context.uc_stack.ss_sp = one.stack.get();
    one.context.uc_stack.ss_size = STACK;
    one.context.uc_link = &scheduler;
    makecontext(&one.context, enter, 0);
  }
  for (;;) {
    for (unsigned t = 0; t < blockDim.x; t++) {
      if (threads[t].waits != Waits::nothing) continue;
      threadIdx = {t, 0, 0};
      swapcontext(&scheduler, &threads[t].context);
    }
    bool moved = release(Waits::block, 0, blockDim.x);
    for (unsigned t = 0; t < blockDim.x; t += LANES) moved |= release(Waits::warp, t, std::min(t + LANES, blockDim.x));
    if (!moved) break;
  }
  return complete(Waits::over, 0, blockDim.x);
}

inline bool run(unsigned grid, unsigned block, std::function<void()> kernel) {
  body = std::move(kernel);
  gridDim = {grid, 1, 1};
  blockDim = {block, 1, 1};
  for (unsigned at = 0; at < grid; at++) {
    blockIdx = {at, 0, 0};
    if (!run_block()) return false;
  }
  return true;
}

}  // namespace emulation

inline void __syncthreads() { emulation::wait(emulation::Waits::block); }
inline void __threadfence() {}

template <typename T>
T __shfl_down_sync(unsigned, T value, int apart) {
  const unsigned mine = threadIdx.x, lane = mine % emulation::LANES;
  std::memcpy(emulation::slots[mine], &value, sizeof(T));
  emulation::wait(emulation::Waits::warp);
  const unsigned from = lane + apart < emulation::LANES ? mine + apart : mine;
  std::memcpy(&value, emulation::slots[from], sizeof(T));
  emulation::wait(emulation::Waits::warp);
  return value;
}

inline unsigned atomicInc(unsigned* at, unsigned limit) {
  const unsigned before = *at;
  *at = before >= limit ? 0 : before + 1;
  return before;
}

inline float __uint_as_float(unsigned bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline float __int_as_float(int bits) { return __uint_as_float(unsigned(bits)); }
