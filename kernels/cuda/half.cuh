// Half precision as it lies in memory, to float and back by the instructions of PTX.
#pragma once

namespace fabricbench {

// Arithmetic is float's.
struct Float16 {
  unsigned short bits;
};
struct BFloat16 {
  unsigned short bits;
};

__device__ inline double widen(double value) { return value; }
__device__ inline float widen(float value) { return value; }
__device__ inline float widen(Float16 value) {
  float wide;
  asm("cvt.f32.f16 %0, %1;" : "=f"(wide) : "h"(value.bits));
  return wide;
}
__device__ inline float widen(BFloat16 value) { return __uint_as_float(unsigned(value.bits) << 16); }

// To the nearest element, ties to even.
__device__ inline void narrow(double wide, double* to) { *to = wide; }
__device__ inline void narrow(float wide, float* to) { *to = wide; }
__device__ inline void narrow(float wide, Float16* to) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(to->bits) : "f"(wide)); }
__device__ inline void narrow(float wide, BFloat16* to) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(to->bits) : "f"(wide)); }

}  // namespace fabricbench
