// In place of kernels/cuda/clock.cuh, whose register the host lacks.
#pragma once
#include <time.h>

namespace fabricbench {

inline unsigned long long nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ull + now.tv_nsec;
}

}  // namespace fabricbench
