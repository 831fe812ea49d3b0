// Holds a stream back until the host has put all work behind it, so that no launch is waited for while work is timed.
#pragma once
#include "clock.cuh"

// Until `released`, in memory of the host, has come to `turn`; after `patience` nanoseconds it gives up and says so.
extern "C" __global__ void hold(const volatile unsigned* released, volatile unsigned* gave_up, unsigned turn,
                                unsigned long long patience) {
  const unsigned long long begun = fabricbench::nanoseconds();
  while (int(*released - turn) < 0) {
    if (fabricbench::nanoseconds() - begun > patience) {
      *gave_up = turn;
      return;
    }
  }
}
