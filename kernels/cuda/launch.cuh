// As good as nothing: a kernel of one thread whose result still shows that it ran.
#pragma once

extern "C" __global__ void launch_int64(long long* into, const long long* from) { into[0] = from[0] + 1; }
