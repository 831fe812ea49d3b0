// The clock of the device.
#pragma once

namespace fabricbench {

// Nanoseconds of the same clock on all multiprocessors; it may tick in steps of a microsecond.
__device__ inline unsigned long long nanoseconds() {
  unsigned long long now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

}  // namespace fabricbench
