// Sum and largest of an array, in float for half precision and rounded once: OP_FORM_TYPE, OP sum or max.
#pragma once
#include "common.cuh"
#include "half.cuh"

namespace fabricbench {

template <typename T>
using Wide = decltype(widen(T()));

// The definition: one thread, element by element.
template <typename Join, typename T>
__device__ inline void reduce_reference(T* into, const T* from, Index count) {
  if (this_thread() != 0) return;
  Wide<T> joined = Join::template none<Wide<T>>();
  for (Index i = 0; i < count; i++) joined = Join::of(joined, widen(from[i]));
  narrow(joined, into);
}

// All threads in strides, then the block, then the block that comes last.
template <typename Join, typename T>
__device__ inline void reduce_simple(T* into, const T* from, Index count, Wide<T>* partials, unsigned* arrived) {
  Wide<T> mine = Join::template none<Wide<T>>(), total;
  for (Index i = this_thread(); i < count; i += all_threads()) mine = Join::of(mine, widen(from[i]));
  if (over_grid<Join>(mine, partials, arrived, &total)) narrow(total, into);
}

// Sixteen bytes a load, eight loads under way: there is one array only to keep the memory busy with.
constexpr int LOADS = 8;

template <typename Join, typename T>
__device__ inline void reduce_fast(T* into, const T* from, Index count, Wide<T>* partials, unsigned* arrived) {
  const Index packs = count / Pack<T>::SIZE, stride = all_threads();
  Wide<T> mine = Join::template none<Wide<T>>(), total;
  Index i = this_thread();
  for (; i + (LOADS - 1) * stride < packs; i += LOADS * stride) {
    Pack<T> loaded[LOADS];
#pragma unroll
    for (int k = 0; k < LOADS; k++) loaded[k] = load(from, i + k * stride);
#pragma unroll
    for (int k = 0; k < LOADS; k++)
#pragma unroll
      for (int e = 0; e < Pack<T>::SIZE; e++) mine = Join::of(mine, widen(loaded[k].at[e]));
  }
  for (; i < packs; i += stride) {
    const Pack<T> loaded = load(from, i);
#pragma unroll
    for (int e = 0; e < Pack<T>::SIZE; e++) mine = Join::of(mine, widen(loaded.at[e]));
  }
  for (Index e = packs * Pack<T>::SIZE + this_thread(); e < count; e += stride) mine = Join::of(mine, widen(from[e]));
  if (over_grid<Join>(mine, partials, arrived, &total)) narrow(total, into);
}

}  // namespace fabricbench

#define REDUCTION(OP, Join, TYPE, T)                                                                             \
  extern "C" __global__ void OP##_reference_##TYPE(T* into, const T* from, long long count,                      \
                                                   fabricbench::Wide<T>*, unsigned*) {                           \
    fabricbench::reduce_reference<fabricbench::Join>(into, from, count);                                         \
  }                                                                                                              \
  extern "C" __global__ void OP##_simple_##TYPE(T* into, const T* from, long long count,                         \
                                                fabricbench::Wide<T>* partials, unsigned* arrived) {             \
    fabricbench::reduce_simple<fabricbench::Join>(into, from, count, partials, arrived);                         \
  }                                                                                                              \
  extern "C" __global__ void OP##_fast_##TYPE(T* into, const T* from, long long count,                           \
                                              fabricbench::Wide<T>* partials, unsigned* arrived) {               \
    fabricbench::reduce_fast<fabricbench::Join>(into, from, count, partials, arrived);                           \
  }
#define REDUCTIONS(TYPE, T)    \
  REDUCTION(sum, Sum, TYPE, T) \
  REDUCTION(max, Max, TYPE, T)

EACH_FLOAT(REDUCTIONS)
REDUCTIONS(float16, fabricbench::Float16)
REDUCTIONS(bfloat16, fabricbench::BFloat16)
