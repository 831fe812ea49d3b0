"""The one owner of CUDA: the driver, NVRTC, Numba's CUDA and NVML, each reached when it is needed and not before."""
