// Copy, scale, add, triad and dot over arrays: NAME_reference_TYPE, NAME_simple_TYPE and NAME_fast_TYPE.
// a[count] = f(b[count], c[count]); copy and scale leave c alone. Arrays begin at multiples of 16 bytes.
#pragma once
#include "common.cuh"

namespace fabricbench {

struct Copy {
  static constexpr bool SECOND = false;
  template <typename T>
  __device__ static T of(T b, T, T) { return b; }
};
struct Scale {
  static constexpr bool SECOND = false;
  template <typename T>
  __device__ static T of(T b, T, T scalar) { return scalar * b; }
};
struct Add {
  static constexpr bool SECOND = true;
  template <typename T>
  __device__ static T of(T b, T c, T) { return b + c; }
};
struct Triad {
  static constexpr bool SECOND = true;
  template <typename T>
  __device__ static T of(T b, T c, T scalar) { return b + scalar * c; }
};

template <typename Op, typename T>
__device__ inline void element(T* a, const T* b, const T* c, T scalar, Index i) {
  a[i] = Op::of(b[i], Op::SECOND ? c[i] : T(0), scalar);
}

// The definition: one thread an element, the grid as large as the array.
template <typename Op, typename T>
__device__ inline void stream_reference(T* a, const T* b, const T* c, T scalar, Index count) {
  if (this_thread() < count) element<Op>(a, b, c, scalar, this_thread());
}

// A grid of the device's size whose threads go on in strides of all threads: no block is ever started anew.
template <typename Op, typename T>
__device__ inline void stream_simple(T* a, const T* b, const T* c, T scalar, Index count) {
  for (Index i = this_thread(); i < count; i += all_threads()) element<Op>(a, b, c, scalar, i);
}

// Sixteen bytes a load, and every load of a round under way before the first is used: what hides the memory's latency
// is bytes in flight, and these are four times four times those of the simple kernel (float32).
constexpr int IN_FLIGHT = 4;

template <typename Op, typename T>
__device__ inline void stream_fast(T* a, const T* b, const T* c, T scalar, Index count) {
  const Index packs = count / Pack<T>::SIZE, stride = all_threads();
  Index i = this_thread();
  for (; i + (IN_FLIGHT - 1) * stride < packs; i += IN_FLIGHT * stride) {
    Pack<T> first[IN_FLIGHT], second[IN_FLIGHT];
#pragma unroll
    for (int k = 0; k < IN_FLIGHT; k++) {
      first[k] = load(b, i + k * stride);
      if (Op::SECOND) second[k] = load(c, i + k * stride);
    }
#pragma unroll
    for (int k = 0; k < IN_FLIGHT; k++) {
      Pack<T> result;
#pragma unroll
      for (int e = 0; e < Pack<T>::SIZE; e++)
        result.at[e] = Op::of(first[k].at[e], Op::SECOND ? second[k].at[e] : T(0), scalar);
      store(a, i + k * stride, result);
    }
  }
  for (; i < packs; i += stride)
    for (int e = 0; e < Pack<T>::SIZE; e++) element<Op>(a, b, c, scalar, i * Pack<T>::SIZE + e);
  for (Index e = packs * Pack<T>::SIZE + this_thread(); e < count; e += stride) element<Op>(a, b, c, scalar, e);
}

// The sum of b * c into a[0]: one thread.
template <typename T>
__device__ inline void dot_reference(T* a, const T* b, const T* c, Index count) {
  if (this_thread() != 0) return;
  T total = 0;
  for (Index i = 0; i < count; i++) total += b[i] * c[i];
  a[0] = total;
}

// All threads in strides, then the block, then the block that comes last.
template <typename T>
__device__ inline void dot_simple(T* a, const T* b, const T* c, Index count, T* partials, unsigned* arrived) {
  T mine = 0;
  for (Index i = this_thread(); i < count; i += all_threads()) mine += b[i] * c[i];
  T total;
  if (over_grid<Sum>(mine, partials, arrived, &total)) a[0] = total;
}

// Sixteen bytes a load, several under way, each with a sum of its own.
template <typename T>
__device__ inline void dot_fast(T* a, const T* b, const T* c, Index count, T* partials, unsigned* arrived) {
  const Index packs = count / Pack<T>::SIZE, stride = all_threads();
  T sums[IN_FLIGHT] = {};
  Index i = this_thread();
  for (; i + (IN_FLIGHT - 1) * stride < packs; i += IN_FLIGHT * stride) {
    Pack<T> first[IN_FLIGHT], second[IN_FLIGHT];
#pragma unroll
    for (int k = 0; k < IN_FLIGHT; k++) {
      first[k] = load(b, i + k * stride);
      second[k] = load(c, i + k * stride);
    }
#pragma unroll
    for (int k = 0; k < IN_FLIGHT; k++)
#pragma unroll
      for (int e = 0; e < Pack<T>::SIZE; e++) sums[k] += first[k].at[e] * second[k].at[e];
  }
  for (; i < packs; i += stride) {
    const Pack<T> first = load(b, i), second = load(c, i);
#pragma unroll
    for (int e = 0; e < Pack<T>::SIZE; e++) sums[0] += first.at[e] * second.at[e];
  }
  for (Index e = packs * Pack<T>::SIZE + this_thread(); e < count; e += stride) sums[0] += b[e] * c[e];
#pragma unroll
  for (int k = 1; k < IN_FLIGHT; k++) sums[0] += sums[k];
  T total;
  if (over_grid<Sum>(sums[0], partials, arrived, &total)) a[0] = total;
}

}  // namespace fabricbench

#define STREAM(OPERATION, Op, FORM, TYPE, T)                                                                       \
  extern "C" __global__ void OPERATION##_##FORM##_##TYPE(T* a, const T* b, const T* c, T scalar, long long count) { \
    fabricbench::stream_##FORM<fabricbench::Op>(a, b, c, scalar, count);                                           \
  }
#define STREAM_FORMS(OPERATION, Op, TYPE, T) \
  STREAM(OPERATION, Op, reference, TYPE, T)  \
  STREAM(OPERATION, Op, simple, TYPE, T)     \
  STREAM(OPERATION, Op, fast, TYPE, T)
#define STREAM_OPERATIONS(TYPE, T)     \
  STREAM_FORMS(copy, Copy, TYPE, T)    \
  STREAM_FORMS(scale, Scale, TYPE, T)  \
  STREAM_FORMS(add, Add, TYPE, T)      \
  STREAM_FORMS(triad, Triad, TYPE, T)

EACH_FLOAT(STREAM_OPERATIONS)

#define DOT(TYPE, T)                                                                                                 \
  extern "C" __global__ void dot_reference_##TYPE(T* a, const T* b, const T* c, long long count, T*, unsigned*) {     \
    fabricbench::dot_reference(a, b, c, count);                                                                      \
  }                                                                                                                  \
  extern "C" __global__ void dot_simple_##TYPE(T* a, const T* b, const T* c, long long count, T* partials,           \
                                               unsigned* arrived) {                                                  \
    fabricbench::dot_simple(a, b, c, count, partials, arrived);                                                      \
  }                                                                                                                  \
  extern "C" __global__ void dot_fast_##TYPE(T* a, const T* b, const T* c, long long count, T* partials,             \
                                             unsigned* arrived) {                                                    \
    fabricbench::dot_fast(a, b, c, count, partials, arrived);                                                        \
  }

EACH_FLOAT(DOT)
