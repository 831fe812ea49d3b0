// Multiply and add `times` times over every element of an array: b[i] = (...((a[i] * factor + term) * factor + term)...).
#pragma once
#include "common.cuh"

namespace fabricbench {

__device__ inline double multiply_add(double value, double factor, double term) { return fma(value, factor, term); }
__device__ inline float multiply_add(float value, float factor, float term) { return fmaf(value, factor, term); }

// The definition: one thread an element, each operation waits for the one before.
template <typename T>
__device__ inline void fma_reference(T* b, const T* a, T factor, T term, int times, Index count) {
  if (this_thread() >= count) return;
  T value = a[this_thread()];
  for (int k = 0; k < times; k++) value = multiply_add(value, factor, term);
  b[this_thread()] = value;
}

// A grid of the device's size.
template <typename T>
__device__ inline void fma_simple(T* b, const T* a, T factor, T term, int times, Index count) {
  for (Index i = this_thread(); i < count; i += all_threads()) {
    T value = a[i];
    for (int k = 0; k < times; k++) value = multiply_add(value, factor, term);
    b[i] = value;
  }
}

// Sixty-four bytes of elements a thread: their chains do not wait for each other, so the arithmetic units never idle.
template <typename T>
__device__ inline void fma_fast(T* b, const T* a, T factor, T term, int times, Index count) {
  constexpr int PACKS = 4;
  const Index packs = count / Pack<T>::SIZE, stride = all_threads();
  Index i = this_thread();
  for (; i + (PACKS - 1) * stride < packs; i += PACKS * stride) {
    Pack<T> values[PACKS];
#pragma unroll
    for (int k = 0; k < PACKS; k++) values[k] = load(a, i + k * stride);
    for (int time = 0; time < times; time++)
#pragma unroll
      for (int k = 0; k < PACKS; k++)
#pragma unroll
        for (int e = 0; e < Pack<T>::SIZE; e++) values[k].at[e] = multiply_add(values[k].at[e], factor, term);
#pragma unroll
    for (int k = 0; k < PACKS; k++) store(b, i + k * stride, values[k]);
  }
  const Index rest = i < packs ? i : packs;
  for (Index pack = rest; pack < packs; pack += stride)
    for (int e = 0; e < Pack<T>::SIZE; e++) {
      T value = a[pack * Pack<T>::SIZE + e];
      for (int k = 0; k < times; k++) value = multiply_add(value, factor, term);
      b[pack * Pack<T>::SIZE + e] = value;
    }
  for (Index e = packs * Pack<T>::SIZE + this_thread(); e < count; e += stride) {
    T value = a[e];
    for (int k = 0; k < times; k++) value = multiply_add(value, factor, term);
    b[e] = value;
  }
}

}  // namespace fabricbench

#define FMA(FORM, TYPE, T)                                                                                             \
  extern "C" __global__ void fma_##FORM##_##TYPE(T* b, const T* a, T factor, T term, int times, long long count) {      \
    fabricbench::fma_##FORM(b, a, factor, term, times, count);                                                         \
  }
#define FMA_FORMS(TYPE, T)  \
  FMA(reference, TYPE, T)   \
  FMA(simple, TYPE, T)      \
  FMA(fast, TYPE, T)

EACH_FLOAT(FMA_FORMS)
