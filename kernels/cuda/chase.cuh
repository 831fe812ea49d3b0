// A walk over elements that each hold the number of the next: the time of one load that waits for the one before.
// result[3]: where it ends, the sum of all elements it stood on, and its hops.
#pragma once
#include "common.cuh"

extern "C" __global__ void chase_int64(long long* result, const long long* nodes, long long hops) {
  if (fabricbench::this_thread() != 0) return;
  long long at = 0, total = 0;
  for (long long hop = 0; hop < hops; hop++) {
    at = nodes[at];
    total += at;
  }
  result[0] = at;
  result[1] = total;
  result[2] = hops;
}
