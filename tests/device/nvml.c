/* A stand-in for libnvidia-ml.so.1 with one GPU: what NVML_REASONS says holds its clock down. */
#include <stdlib.h>
#include <string.h>

int nvmlInitWithFlags(unsigned flags) { return getenv("NVML_FAILS") ? 9 : 0; }
int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return code == 4 ? "Insufficient Permissions" : "Driver Not Loaded"; }

int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
  static int card;
  *device = &card;
  return strncmp(uuid, "GPU-00010203", 12) ? 6 : 0;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *bits) {
  if (getenv("NVML_DENIES")) return 4;
  *bits = strtoull(getenv("NVML_REASONS") ? getenv("NVML_REASONS") : "0", 0, 0);
  return 0;
}
