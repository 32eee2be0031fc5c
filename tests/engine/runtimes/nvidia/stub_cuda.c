/* As much of CUDA's runtime, cuBLAS and cuDNN as it takes to build a session without a driver: memory is the
   host's, and nothing computes. */

#include <stdlib.h>
#include <string.h>

/* `struct cudaDeviceProp` of CUDA 13, so much of it: offsets in bytes. */
enum { SIZE = 1008, WARP_SIZE = 308, MOST_THREADS = 320, MAJOR = 360, PROCESSORS = 384 };

#define SUCCEEDS(name, ...)           \
    int name(__VA_ARGS__) { return 0; }
#define GIVES_A_HANDLE(name, ...) \
    int name(void **handle, ##__VA_ARGS__) { *handle = malloc(8); return 0; }
#define GIVES_MEMORY(name, ...) \
    int name(void **memory, size_t size, ##__VA_ARGS__) { *memory = aligned_alloc(256, (size + 255) / 256 * 256); return 0; }

static void set(char *properties, int offset, int value) { memcpy(properties + offset, &value, sizeof value); }

int cudaGetDeviceProperties(char *properties, int device) {
    memset(properties, 0, SIZE);
    strcpy(properties, "stub");
    set(properties, WARP_SIZE, 32);
    set(properties, MOST_THREADS, 1024);
    set(properties, MAJOR, 9);
    set(properties, PROCESSORS, 132);
    return 0;
}
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaGetDeviceCount(int *count) { *count = 1; return 0; }
int cudaDeviceGetAttribute(int *value, int attribute, int device) { *value = 90; return 0; }
int cudaDriverGetVersion(int *version) { *version = 13000; return 0; }
int cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }
int cudaMemGetInfo(size_t *available, size_t *total) { *available = *total = (size_t)80 << 30; return 0; }
int cudaFree(void *memory) { free(memory); return 0; }
int cudaFreeHost(void *memory) { free(memory); return 0; }
int cudaMemcpy(void *to, const void *from, size_t size, int kind) { memcpy(to, from, size); return 0; }
int cudaMemcpyAsync(void *to, const void *from, size_t size, int kind, void *stream) { memcpy(to, from, size); return 0; }
int cudaMemset(void *memory, int value, size_t size) { memset(memory, value, size); return 0; }
int cudaMemsetAsync(void *memory, int value, size_t size, void *stream) { memset(memory, value, size); return 0; }

GIVES_MEMORY(cudaMalloc)
GIVES_MEMORY(cudaMallocHost)
GIVES_MEMORY(cudaHostAlloc, unsigned flags)
GIVES_A_HANDLE(cudaStreamCreate)
GIVES_A_HANDLE(cudaStreamCreateWithFlags, unsigned flags)
GIVES_A_HANDLE(cudaEventCreate)
GIVES_A_HANDLE(cudaEventCreateWithFlags, unsigned flags)
GIVES_A_HANDLE(cublasCreate_v2)
GIVES_A_HANDLE(cublasLtCreate)
GIVES_A_HANDLE(cudnnCreate)
SUCCEEDS(cudaSetDevice, int device)
SUCCEEDS(cudaDeviceSynchronize, void)
SUCCEEDS(cudaStreamDestroy, void *stream)
SUCCEEDS(cudaStreamSynchronize, void *stream)
SUCCEEDS(cudaStreamWaitEvent, void *stream, void *event, unsigned flags)
SUCCEEDS(cudaEventDestroy, void *event)
SUCCEEDS(cudaEventRecord, void *event, void *stream)
SUCCEEDS(cudaEventSynchronize, void *event)
SUCCEEDS(cudaGetLastError, void)
SUCCEEDS(cudaPeekAtLastError, void)
SUCCEEDS(cublasDestroy_v2, void *handle)
SUCCEEDS(cublasSetStream_v2, void *handle, void *stream)
SUCCEEDS(cublasSetMathMode, void *handle, int mode)
SUCCEEDS(cublasSetWorkspace_v2, void *handle, void *memory, size_t size)
SUCCEEDS(cublasLtDestroy, void *handle)
SUCCEEDS(cudnnDestroy, void *handle)
SUCCEEDS(cudnnSetStream, void *handle, void *stream)
SUCCEEDS(cuTensorMapEncodeTiled, void)
size_t cudnnGetVersion(void) { return 92600; }
size_t cudnnGetCudartVersion(void) { return 13000; }
const char *cudnnGetErrorString(int status) { return "stub"; }
