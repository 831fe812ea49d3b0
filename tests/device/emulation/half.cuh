// In place of kernels/cuda/half.cuh, whose instructions the host lacks.
#pragma once

namespace fabricbench {

struct Float16 {
  unsigned short bits;
};
struct BFloat16 {
  unsigned short bits;
};

inline double widen(double value) { return value; }
inline float widen(float value) { return value; }
inline float widen(Float16 value) {
  _Float16 half;
  std::memcpy(&half, &value.bits, sizeof half);
  return half;
}
inline float widen(BFloat16 value) { return __uint_as_float(unsigned(value.bits) << 16); }

inline void narrow(double wide, double* to) { *to = wide; }
inline void narrow(float wide, float* to) { *to = wide; }
inline void narrow(float wide, Float16* to) {
  const _Float16 half = static_cast<_Float16>(wide);
  std::memcpy(&to->bits, &half, sizeof half);
}
inline void narrow(float wide, BFloat16* to) {
  unsigned bits;
  std::memcpy(&bits, &wide, sizeof bits);
  to->bits = static_cast<unsigned short>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace fabricbench
